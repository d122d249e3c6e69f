#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace covey {

// xxHash, 64 bits (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md).
uint64_t Xxh64(std::string_view bytes, uint64_t seed);

// The bit, from the first of the first byte on, that is another one in bytes whose Xxh64 was `sum`; nullopt: no single
// one is. Tries each: 4 KiB take some milliseconds.
std::optional<size_t> FlippedBit(std::string_view bytes, uint64_t seed, uint64_t sum);

// The parts of a group that are stored with a checksum. The numbers are stored: never renumber.
enum class Part : uint8_t { kRecords = 1, kSpec = 2, kSummary = 3, kSnapshot = 4, kTasks = 5 };

// Where bytes belong. Part of their checksum, so that sound bytes in the wrong place are found like changed
// ones.
struct Place {
  Part part = Part::kRecords;
  int64_t gid = 0;
  std::string_view group;  // its id
  // Of an event. kRecords: the first; kSummary: the newest when it was written; kSnapshot: the last that is
  // in it. kTasks: twice the first task, and one more when that has followed late.
  uint64_t number = 0;
};

// xxHash rather than CRC-32C: it is fast without instructions of one processor (about 30 ns for 200 B), and
// of damage of any shape it lets 1 in 2^64 pass.
uint64_t Checksum(const Place& place, std::string_view bytes);

}  // namespace covey
