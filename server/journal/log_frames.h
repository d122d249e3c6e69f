#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

// The write-ahead log of SQLite, as it lies in its file: a head, then frames, each a head and a page
// (https://www.sqlite.org/fileformat2.html, "The WAL File Format").
namespace covey::log_frames {

inline constexpr size_t kLogHead = 32;
inline constexpr size_t kFrameHead = 24;
inline constexpr size_t kSum = 8;
inline constexpr size_t kLogSumAt = 24;
inline constexpr size_t kFrameSumAt = 16;

// Of everything in the log up to some place.
struct Sum {
  uint32_t first = 0;
  uint32_t second = 0;
  bool operator==(const Sum& other) const { return first == other.first && second == other.second; }
};

uint32_t Integer(const char* bytes);  // big-endian
// The page of a frame.
inline uint32_t Number(const char* head) { return Integer(head); }
inline Sum Load(const char* bytes) { return {Integer(bytes), Integer(bytes + 4)}; }
bool IsBigEndian(const char* log_head);

// `bytes`: a multiple of eight.
Sum Add(Sum sum, std::string_view bytes, bool big_endian);
// That of a frame, after the one before.
Sum OfFrame(const char* head, std::string_view page, Sum before, bool big_endian);
// Puts it into the head.
void Seal(char* head, std::string_view page, Sum before, bool big_endian);

}  // namespace covey::log_frames
