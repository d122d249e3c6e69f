#pragma once

#include <chrono>

#include "core/base/error.h"
#include "core/base/mutex.h"

namespace covey::client {

// For how long and how often what the daemon's absence cut off is tried again.
struct RetryPolicy {
  // Longest time without the daemon; 0 never tries again. A daemon that was never reached is not waited for.
  std::chrono::nanoseconds patience = std::chrono::seconds(10);
  // The pauses between attempts double from the first to the longest; each is drawn from its upper half, so
  // that many clients do not come back at once.
  std::chrono::nanoseconds first_pause = std::chrono::milliseconds(50);
  std::chrono::nanoseconds longest_pause = std::chrono::seconds(1);
};

// What may become of a call when it is made once more after it may have been carried out.
enum class Repeat {
  kSafe,    // the same as if it had been made once
  kUnsafe,  // something else: made again only when it was certainly not carried out
};

// True when the daemon was out of reach, or was lost and `repeat` is safe.
bool MayTryAgain(const Error& error, Repeat repeat);

// The pauses of one call or stream. TryAgain is called by one thread at a time, Stop by any.
class Backoff {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Backoff(const RetryPolicy& policy) : policy_(policy) {}

  // Waits for the next attempt. False at once when the patience is at its end, `deadline` comes before the
  // attempt would, or Stop was called.
  bool TryAgain(Clock::time_point deadline = Clock::time_point::max());
  // The daemon was there: the patience begins anew. A call that fails at once again and again does not say
  // so.
  void Reset();
  // Ends TryAgain, also one that waits.
  void Stop();

 private:
  const RetryPolicy policy_;

  Mutex mutex_;
  CondVar stopped_;
  bool stop_ COVEY_GUARDED_BY(mutex_) = false;
  Clock::time_point give_up_
      COVEY_GUARDED_BY(mutex_){};  // when the patience ends; the epoch: it has not begun
  std::chrono::nanoseconds pause_ COVEY_GUARDED_BY(mutex_){0};
};

}  // namespace covey::client
