#include "core/run/blocking_lane.h"

#include <utility>

#include "core/base/mutex.h"

namespace covey {

// Those who wait for an answer to their ticket. Lives until the last call of the pool has returned, which may
// be after the lane has gone.
class BlockingLane::Waiters final : public LaneOwner {
 public:
  // Lives on the stack of the caller that blocks; its address is the ticket.
  struct Waiter {
    enum class State { kWaiting, kGranted, kRefused };
    CondVar changed;
    State state = State::kWaiting;
    bool cancelled = false;
  };

  void OnGranted(uint64_t ticket) override { Answer(ticket, Waiter::State::kGranted); }
  void OnRefused(uint64_t ticket) override { Answer(ticket, Waiter::State::kRefused); }

  void Cancel(Waiter& waiter) COVEY_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    waiter.cancelled = true;
    waiter.changed.NotifyAll();
  }

  // Until there is an answer, or `withdraw` was true after a Cancel: then kWaiting.
  template <typename Withdraw>
  Waiter::State Wait(Waiter& waiter, const Withdraw& withdraw) COVEY_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (waiter.state == Waiter::State::kWaiting) {
      if (std::exchange(waiter.cancelled, false)) {
        lock.Unlock();
        const bool withdrawn = withdraw();
        lock.Lock();
        if (withdrawn) break;
        continue;  // the answer is on its way
      }
      waiter.changed.Wait(mutex_);
    }
    return waiter.state;
  }

 private:
  // Notifies with the lock held: the waiter's stack goes when it sees the answer.
  void Answer(uint64_t ticket, Waiter::State state) COVEY_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    auto* waiter = reinterpret_cast<Waiter*>(ticket);
    waiter->state = state;
    waiter->changed.NotifyAll();
  }

  Mutex mutex_;  // guards the waiters
};

BlockingLane::BlockingLane(std::shared_ptr<Pool> pool, uint32_t limit)
    : waiters_(std::make_shared<Waiters>()), lane_(std::move(pool), waiters_, limit) {}

Status BlockingLane::Acquire(const Context& context) {
  if (context.done()) return ErrDispatchTimeout();
  if (lane_.TryAcquire() == 1) return Status::Ok();
  using Waiter = Waiters::Waiter;
  Waiter waiter;
  const auto ticket = reinterpret_cast<uint64_t>(&waiter);
  if (Status status = lane_.Push({&ticket, 1}); !status.ok()) return status;
  Context::Registration registration = context.OnDone([&] { waiters_->Cancel(waiter); });
  const Waiter::State state = waiters_->Wait(waiter, [&] { return lane_.Withdraw(ticket); });
  registration.Reset();
  if (state == Waiter::State::kWaiting) return ErrDispatchTimeout();
  return state == Waiter::State::kGranted ? Status::Ok() : ErrClosed();
}

}  // namespace covey
