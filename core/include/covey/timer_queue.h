#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace covey {

// Calls functions at instants of a monotonic clock, on one thread of its own, or, with Manual(), on the
// thread of the test that moves the time.
//
// Thread safety: every method may be called from any thread, also from a callback.
// Invariants:
// 1. Callbacks run one at a time, in the order of their instants (those of one instant as they were
//    scheduled), with no lock held. They must not block.
// 2. After Cancel has answered true the callback never runs; otherwise it has run, runs, or never existed.
// 3. Destruction drops what is pending and waits for a callback that runs; from within that callback it waits
//    for nothing, and the thread ends after it.
class TimerQueue {
 public:
  // What instants are of; and how a timer is named.
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

  // The time by this queue.
  Clock::time_point Now() const;

  // Calls `callback` at an instant, after a while, or not any more.
  TimerId Schedule(Clock::time_point when, std::function<void()> callback);
  TimerId ScheduleAfter(std::chrono::nanoseconds delay, std::function<void()> callback);
  bool Cancel(TimerId id);

  // Manual queues only: moves the time and runs what is due, step by step.
  void AdvanceBy(std::chrono::nanoseconds step);

  // How many callbacks are to come; and whether time stands still until AdvanceBy.
  size_t pending() const;
  bool manual() const;

 private:
  class Impl;
  explicit TimerQueue(std::shared_ptr<Impl> impl);

  const std::shared_ptr<Impl> impl_;  // has its own synchronisation
};

}  // namespace covey
