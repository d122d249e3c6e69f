#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

namespace covey {

// What a histogram holds.
struct HistogramView {
  std::span<const uint64_t> bounds;  // the greatest value of each bucket
  std::vector<uint64_t> buckets;     // one more than bounds; each by itself
  uint64_t sum = 0;                  // of the values

  uint64_t count() const { return std::accumulate(buckets.begin(), buckets.end(), uint64_t{0}); }
};

// How often which values were seen, in buckets of fixed bounds. Counting takes no lock and allocates nothing.
//
// Thread safety: all of it. What is read while others count is true of each number by itself.
template <size_t kBounds>
class Histogram {
 public:
  // `bounds`: the greatest value of each bucket, ascending, of static storage; one more takes what is greater.
  explicit constexpr Histogram(const std::array<uint64_t, kBounds>& bounds) : bounds_(&bounds) {}

  void Count(uint64_t value) {
    // Most are in the first.
    const auto bucket = value <= bounds_->front()
                            ? 0
                            : std::lower_bound(bounds_->begin(), bounds_->end(), value) - bounds_->begin();
    buckets_[static_cast<size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
  }

  HistogramView view() const {
    HistogramView view{.bounds = *bounds_, .sum = sum_.load(std::memory_order_relaxed)};
    view.buckets.reserve(buckets_.size());
    for (const auto& bucket : buckets_) view.buckets.push_back(bucket.load(std::memory_order_relaxed));
    return view;
  }

 private:
  const std::array<uint64_t, kBounds>* const bounds_;
  std::array<std::atomic<uint64_t>, kBounds + 1> buckets_{};
  std::atomic<uint64_t> sum_ = 0;
};

// Durations of 1 ms to 1 h, in microseconds.
inline constexpr std::array<uint64_t, 20> kDurationBounds{
    1'000,      2'500,       5'000,       10'000,      25'000,        50'000,       100'000,
    250'000,    500'000,     1'000'000,   2'500'000,   5'000'000,     10'000'000,   25'000'000,
    60'000'000, 120'000'000, 300'000'000, 600'000'000, 1'800'000'000, 3'600'000'000};

class Durations : public Histogram<kDurationBounds.size()> {
 public:
  constexpr Durations() : Histogram(kDurationBounds) {}

  // A negative one, by a clock that was set back, counts as none.
  void Count(std::chrono::nanoseconds duration) {
    const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
    Histogram::Count(static_cast<uint64_t>(std::max<int64_t>(microseconds, 0)));
  }
};

}  // namespace covey
