#include "core/run/blocking_lane.h"

#include <utility>

#include "core/base/futex.h"
#include "core/base/spin.h"

namespace covey {
// Those who wait for an answer to their ticket. Lives until the last call of the pool has returned, which may
// be after the lane has gone.
class BlockingLane::Waiters final : public LaneOwner {
 public:
  enum State : uint32_t { kWaiting, kAsleep, kCancelled, kGranted, kRefused };

  // Lives on the stack of the caller that blocks; its address is the ticket. It may be gone as soon as `state` says
  // that there is an answer.
  struct Waiter {
    FutexWord state = kWaiting;
    Caller* caller = nullptr;
  };

  void OnGranted(uint64_t ticket) override {
    auto* waiter = reinterpret_cast<Waiter*>(ticket);
    if (waiter->caller != nullptr) waiter->caller->OnSlot();
    Answer(*waiter, kGranted);
  }
  void OnRefused(uint64_t ticket) override { Answer(*reinterpret_cast<Waiter*>(ticket), kRefused); }

  static void Cancel(Waiter& waiter) {
    for (uint32_t state = waiter.state.load(); state == kWaiting || state == kAsleep;) {
      if (waiter.state.compare_exchange_weak(state, kCancelled)) {
        FutexWake(&waiter.state);
        return;
      }
    }
  }

 private:
  static void Answer(Waiter& waiter, State state) {
    FutexWord* const word = &waiter.state;
    if (word->exchange(state, std::memory_order_acq_rel) != kWaiting) FutexWake(word);
  }
};

BlockingLane::BlockingLane(std::shared_ptr<Pool> pool, uint32_t limit, SlotCounts* counts)
    : waiters_(std::make_shared<Waiters>()),
      lane_(std::move(pool), waiters_, Lane::Options{.limit = limit, .counts = counts}) {}

Status BlockingLane::Acquire(const Context& context, Caller* caller,
                             std::optional<Context::Clock::time_point> until) {
  if (context.done()) return ErrDispatchTimeout();
  if (lane_.TryAcquire() == 1) {
    if (caller != nullptr) caller->OnSlot();
    return Status::Ok();
  }
  Waiters::Waiter waiter{.caller = caller};
  const auto ticket = reinterpret_cast<uint64_t>(&waiter);
  if (Status status = lane_.Push({&ticket, 1}); !status.ok()) return status;
  const auto state = [&] { return waiter.state.load(std::memory_order_acquire); };
  SpinBudget& looks = lane_.tree().looks_for_answer();
  for (Spin spin(looks.Begin()); state() == Waiters::kWaiting && !context.done() && spin.Again();) {
  }
  looks.Note(state() != Waiters::kWaiting);
  if (state() == Waiters::kWaiting) {
    const Context::Registration registration = context.OnDone([&] { Waiters::Cancel(waiter); });
    uint32_t awake = Waiters::kWaiting;
    waiter.state.compare_exchange_strong(awake, Waiters::kAsleep);
    while (state() == Waiters::kAsleep) {
      if (until && Context::Clock::now() >= *until) {
        Waiters::Cancel(waiter);
      } else {
        FutexWait(waiter.state, Waiters::kAsleep, until);
      }
    }
  }
  if (state() == Waiters::kCancelled) {
    if (lane_.Withdraw(ticket)) return ErrDispatchTimeout();
    while (state() == Waiters::kCancelled) FutexWait(waiter.state, Waiters::kCancelled);  // it is on its way
  }
  return state() == Waiters::kGranted ? Status::Ok() : ErrClosed();
}

}  // namespace covey
