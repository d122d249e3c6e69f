#pragma once

#include <chrono>

#include "core/base/mutex.h"
#include "covey/client/options.h"
#include "covey/methods.h"
#include "covey/result.h"

namespace covey::client {

// True when a call that ended so may be made again: the daemon was out of reach or starting; or the call may be
// repeated, and the daemon was lost or being stopped, or has asked to try again later.
bool MayTryAgain(const Error& error, methods::Repeat repeat, bool asked = false);

// True when a call that ended so has met a daemon: not when there was no connection, nor when the client's
// own deadline or cancel came first, which says nothing.
bool HasAnswered(const Error& error);

// When a call that starts now is over at the latest; time_point::max() for one without an end.
std::chrono::steady_clock::time_point DeadlineOf(const CallOptions& options);

// The pauses of one call or stream. TryAgain is called by one thread at a time, Stop by any.
class Backoff {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Backoff(const RetryPolicy& policy) : policy_(policy) {}

  // Waits for the next attempt, for `least` at least. False at once when the patience is at its end, `deadline`
  // comes before the attempt would, or Stop was called.
  bool TryAgain(Clock::time_point deadline = Clock::time_point::max(), std::chrono::nanoseconds least = {});
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
