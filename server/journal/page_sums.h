#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// The checksum at the end of every page of the journal's file, in the bytes that the file's header reserves for it.
// It makes what an index does not find as good as what it finds: without it a flipped bit hides a group.
namespace covey::page_sums {

// Bytes at the end of each page, as byte kReserveAt of the first page says.
inline constexpr size_t kReserve = 8;
inline constexpr size_t kReserveAt = 20;

// Of the first page size - kReserve bytes of a page; `number`: its own, from 1 on, so that a page in the wrong place is
// found too.
uint64_t SumOf(std::string_view page, uint32_t number);
// Whether the page ends with its sum. One that was never written is all zeros, and is what it is.
bool Matches(std::string_view page, uint32_t number);
// Makes it end so.
void Seal(std::string* page, uint32_t number);

// What SQLite may be given of a page that does not match. One flipped bit is found by trying, and put right. The rows of
// tables prove themselves (checksum.h): a bit of theirs stays as it is and is told by whoever reads them; and of a leaf
// with more damage they are given as far as its structure can be believed. Rows that lie where no row can are left out,
// and are then missing where an index names them. nullopt: nothing of it can be given.
struct Mended {
  bool is_whole = false;  // it is what was written
  bool drops = false;     // some rows are left out, between or next to those whose keys are:
  int64_t first = 0;
  int64_t last = 0;
};
std::optional<Mended> Mend(std::string* page, uint32_t number);

}  // namespace covey::page_sums
