#pragma once

#include <chrono>
#include <coroutine>

#include "server/edge/scope.h"

namespace covey::edge {

class AlarmOperation;

// A waiter that a point in time may wake too.
class TimedWaiter : public Waiter {
 public:
  using Clock = std::chrono::steady_clock;

  Clock::time_point deadline() const { return deadline_; }
  // The alarm's tag came back, and the alarm is gone.
  void OnAlarm();

 protected:
  TimedWaiter(OnStop on_stop, Clock::time_point deadline) : Waiter(on_stop), deadline_(deadline) {}
  ~TimedWaiter() = default;

  // Suspends and, with a deadline other than time_point::max(), sets an alarm. False as Suspend.
  bool SuspendUntilDeadline(std::coroutine_handle<> handle);
  // To be called by Detach.
  void CancelAlarm();

 private:
  const Clock::time_point deadline_;
  AlarmOperation* alarm_ = nullptr;
};

// co_await call.Sleep(duration): true when it has passed, false when the call is over or the server is
// stopping.
class [[nodiscard]] SleepAwaiter final : public TimedWaiter {
 public:
  explicit SleepAwaiter(Clock::time_point deadline) : TimedWaiter(OnStop::kWake, deadline) {}
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> handle) { return SuspendUntilDeadline(handle); }
  bool await_resume() const noexcept { return wake() == Wake::kTimeout; }

 private:
  void Detach() override { CancelAlarm(); }
};

}  // namespace covey::edge
