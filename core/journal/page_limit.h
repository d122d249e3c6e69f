#pragma once

#include <cstddef>

#include "core/journal/record.h"

namespace covey {

struct GroupSummary;

// How much one answer of a read may hold: at most `count` entries, and no entry that would make it larger than
// `bytes`, unless it is the only one.
struct PageLimit {
  // What an answer over the wire is to hold, so that with a single large entry it still fits 4 MiB.
  static constexpr size_t kBytes = size_t{1} << 20;

  size_t count = 0;
  size_t bytes = kBytes;
};

// Fills a page: says of one entry after the other whether it is still part of it.
class PageFill {
 public:
  explicit PageFill(PageLimit limit) : limit_(limit) {}

  // Takes an entry of so many bytes into the page, unless the page is full without it.
  bool Take(size_t bytes) {
    if (Full(bytes)) return false;
    ++count_;
    bytes_ += bytes;
    return true;
  }
  // An entry of so many bytes would not be taken.
  bool Full(size_t bytes) const {
    if (count_ == 0) return limit_.count == 0;
    return count_ >= limit_.count || bytes > limit_.bytes || bytes_ > limit_.bytes - bytes;
  }

  size_t count() const { return count_; }

 private:
  const PageLimit limit_;
  size_t count_ = 0;
  size_t bytes_ = 0;
};

// About what an entry takes, stored or told: its texts and payloads, and a little for the rest.
size_t BytesOf(const Record& record);
size_t BytesOf(const GroupSummary& summary);

}  // namespace covey
