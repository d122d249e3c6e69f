#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/output/output_store.h"
#include "core/spec/wall_time.h"

namespace covey {

// When one stream was written: marks, each from an offset on. A byte has the time of the last mark at or before it.
//
// On disk: PATH, a record for each mark, appended; written anew when it has twice as many as there may be. What is
// torn or damaged ends it. A mark that finds no room on the disk is told as long as the attempt runs.
//
// Invariants:
// 1. Offsets grow. There are kMost marks at most: of more those go that are near others, and from then on they come half
//    as often, or less. No time is off by more than they are apart.
// 2. The file has every mark that Save has seen, perhaps more.
//
// Thread safety: none.
class OutputTimes {
 public:
  static constexpr size_t kMost = 512;
  static constexpr std::chrono::milliseconds kApart{100};

  explicit OutputTimes(std::string path) : path_(std::move(path)) {}

  // What was written from `offset` on came at `time`; nothing when the mark before is too near.
  void Mark(uint64_t offset, WallTime time);
  // What is between these offsets is not kept any more.
  void Forget(uint64_t begin, uint64_t end);
  // Puts new marks into the file, whose directory is there.
  void Save();
  // The marks of these bytes: the first tells of `begin`, unless nothing is known of it.
  std::vector<OutputTime> Between(uint64_t begin, uint64_t end);

  // That `time` is too near to `last` for a mark of its own. A clock that was set back is not.
  static bool Near(WallTime last, WallTime time, std::chrono::microseconds apart = kApart) {
    return time >= last && time - last < apart;
  }

 private:
  // Once.
  void Load();
  void Thin();
  bool Append(std::span<const OutputTime> marks, int flags) const;

  const std::string path_;
  bool loaded_ = false;
  std::vector<OutputTime> marks_;
  std::chrono::microseconds apart_ = kApart;
  uint64_t unsaved_ = 0;  // the offset that marks which are in no file have at least
  size_t in_file_ = 0;    // records; more than there may be: to be written anew
};

}  // namespace covey
