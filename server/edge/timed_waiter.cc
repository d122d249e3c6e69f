#include "server/edge/timed_waiter.h"

#include <grpc/support/time.h>
#include <grpcpp/alarm.h>

#include "server/edge/queue.h"
#include "server/edge/tag.h"

namespace covey::edge {
namespace {

gpr_timespec ToTimespec(std::chrono::steady_clock::time_point time) {
  // gRPC's monotonic clock is CLOCK_MONOTONIC, as steady_clock's.
  return gpr_time_from_nanos(
      std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count(),
      GPR_CLOCK_MONOTONIC);
}

}  // namespace

// One alarm with gRPC. It lives until its tag comes back, which after a cancellation is later than its
// waiter.
class AlarmOperation final : public Tag {
 public:
  AlarmOperation(TimedWaiter& waiter, Queue& queue) : waiter_(&waiter) {
    alarm_.Set(&queue.completions(), ToTimespec(waiter.deadline()), static_cast<Tag*>(this));
  }

  void Cancel() {
    waiter_ = nullptr;
    alarm_.Cancel();
  }

 private:
  void OnEvent(bool) override {
    if (waiter_ != nullptr) waiter_->OnAlarm();
    delete this;
  }

  TimedWaiter* waiter_;
  grpc::Alarm alarm_;
};

bool TimedWaiter::SuspendUntilDeadline(std::coroutine_handle<> handle) {
  if (!Suspend(handle)) return false;
  if (deadline_ != Clock::time_point::max()) alarm_ = new AlarmOperation(*this, scope()->queue());
  return true;
}

void TimedWaiter::OnAlarm() {
  alarm_ = nullptr;
  Scope::WakeUp(*this, Wake::kTimeout);
}

void TimedWaiter::CancelAlarm() {
  if (alarm_ != nullptr) alarm_->Cancel();
  alarm_ = nullptr;
}

}  // namespace covey::edge
