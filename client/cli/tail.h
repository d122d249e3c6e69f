#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <tuple>

#include "covey/v1/types.pb.h"

namespace covey::cli {

// Where the last lines of a stream begin, of which pieces come one after the other. What follows the last line end
// is a line as well.
class LineStarts {
 public:
  // `lines`: of how many, 0 and more.
  explicit LineStarts(size_t lines) : lines_(lines) {}

  void Feed(uint64_t offset, const std::string& bytes);
  // The offset of the first of them, or of the first byte that came when there were fewer; of the end, when no lines
  // are wanted.
  uint64_t first() const { return starts_.empty() ? end_ : starts_.front(); }
  // That many lines have come.
  bool full() const { return starts_.size() == lines_; }

 private:
  size_t lines_;
  std::deque<uint64_t> starts_;
  bool at_start_ = true;  // the next byte begins a line
  uint64_t end_ = 0;
};

// The last lines of each stream of many tasks.
class Tails {
 public:
  explicit Tails(size_t lines) : lines_(lines) {}

  void Feed(const v1::OutputChunk& chunk);
  // What was kept, stream by stream. Calls `print(const v1::OutputChunk&)`.
  template <typename Print>
  void ForEach(Print print) const {
    for (const auto& [key, kept] : kept_) {
      for (const v1::OutputChunk& chunk : kept.chunks) print(chunk);
    }
  }

 private:
  struct Kept {
    std::deque<v1::OutputChunk> chunks;  // from the first kept byte on, without a gap
    LineStarts starts;
  };

  const size_t lines_;
  std::map<std::tuple<std::string, int>, Kept> kept_;
};

}  // namespace covey::cli
