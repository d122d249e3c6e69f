#include "server/edge/wakeup.h"

#include <utility>

namespace covey::edge {

void Wakeup::Notify() {
  if (state_.exchange(State::kRaised) != State::kWaiting) return;
  if (in_mailbox_.exchange(true)) return;  // its delivery is ahead and will see kRaised
  self_ = shared_from_this();
  // A closed mailbox means that the waiter's call has ended, and so has the wait.
  if (!mailbox_->PostMail(*this)) self_.reset();
}

void Wakeup::Deliver() {
  const std::shared_ptr<Wakeup> self = std::move(self_);
  in_mailbox_.store(false);
  // By now the flag may be down again, and waited for again: then that wait goes on.
  if (waiter_ != nullptr && state_.load() == State::kRaised) Scope::WakeUp(*waiter_, Wake::kDone);
}

bool Wakeup::TryConsume() { return state_.exchange(State::kIdle) == State::kRaised; }

bool Wakeup::TryWait(Waiter& waiter) {
  COVEY_CHECK(waiter_ == nullptr);  // one coroutine waits at a time
  State idle = State::kIdle;
  if (!state_.compare_exchange_strong(idle, State::kWaiting)) return false;
  waiter_ = &waiter;
  return true;
}

void Wakeup::StopWaiting() {
  waiter_ = nullptr;
  State waiting = State::kWaiting;
  state_.compare_exchange_strong(waiting, State::kIdle);
}

}  // namespace covey::edge
