#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <thread>
#include <unordered_map>
#include <utility>

#include "core/base/mutex.h"

namespace covey {

// Calls functions at instants of a monotonic clock, on one thread of its own, or, with Manual(), on the
// thread of the test that moves the time.
//
// Thread safety: every method may be called from any thread, also from a callback.
// Invariants:
// 1. Callbacks run one at a time, in the order of their instants (those of one instant as they were
//    scheduled), with no lock held. They must not block.
// 2. After Cancel has answered true the callback never runs; otherwise it has run, runs, or never existed.
// 3. Destruction drops what is pending and waits for a callback that runs (not from within one).
class TimerQueue {
 public:
  using Clock = std::chrono::steady_clock;
  enum class TimerId : uint64_t {};  // 0 is none

  TimerQueue();
  // A queue whose time stands still at an arbitrary instant until AdvanceBy.
  static std::shared_ptr<TimerQueue> Manual();
  ~TimerQueue();
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;

  // The one of this process, started at first use.
  static const std::shared_ptr<TimerQueue>& Default();

  Clock::time_point Now() const COVEY_EXCLUDES(mutex_);

  TimerId Schedule(Clock::time_point when, std::function<void()> callback) COVEY_EXCLUDES(mutex_);
  TimerId ScheduleAfter(std::chrono::nanoseconds delay, std::function<void()> callback)
      COVEY_EXCLUDES(mutex_);
  bool Cancel(TimerId id) COVEY_EXCLUDES(mutex_);

  // Manual queues only: moves the time and runs what is due, step by step.
  void AdvanceBy(std::chrono::nanoseconds step) COVEY_EXCLUDES(mutex_);

  size_t pending() const COVEY_EXCLUDES(mutex_);

 private:
  struct ManualTag {};
  explicit TimerQueue(ManualTag);

  using Key = std::pair<Clock::time_point, uint64_t>;

  void Loop() COVEY_EXCLUDES(mutex_);
  bool DueLocked(Clock::time_point now) const COVEY_REQUIRES(mutex_);
  // Takes the first callback out. Requires that there is one.
  std::function<void()> TakeLocked() COVEY_REQUIRES(mutex_);

  const bool manual_;
  mutable Mutex mutex_;
  CondVar changed_;
  bool stopping_ COVEY_GUARDED_BY(mutex_) = false;
  Clock::time_point manual_now_ COVEY_GUARDED_BY(mutex_){};
  uint64_t next_id_ COVEY_GUARDED_BY(mutex_) = 1;
  std::map<Key, std::function<void()>> timers_ COVEY_GUARDED_BY(mutex_);
  std::unordered_map<uint64_t, Clock::time_point> instants_ COVEY_GUARDED_BY(mutex_);  // of the pending ids
  std::thread thread_;
};

}  // namespace covey
