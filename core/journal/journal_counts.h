#pragma once

#include <atomic>
#include <cstdint>

#include "core/base/histogram.h"

namespace covey {

inline constexpr std::array<uint64_t, 9> kBatchBounds{1, 2, 5, 10, 25, 100, 500, 2'500, 10'000};

// What a journal has written since it was opened.
//
// Thread safety: all of it.
struct JournalCounts {
  Durations appended;                                      // from the call to its answer, of what was written
  Histogram<kBatchBounds.size()> committed{kBatchBounds};  // appends that shared a commit
  std::atomic<uint64_t> failures = 0;                      // commits
};

}  // namespace covey
