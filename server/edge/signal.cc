#include "server/edge/signal.h"

#include "server/edge/queue.h"

namespace covey::edge {

bool Signal::Awaiter::await_suspend(std::coroutine_handle<> handle) {
  // A source that never falls silent must not keep a cancelled call alive: the end of the scope comes first.
  if (Queue::Current()->current_scope()->cancelled()) {
    set_wake(Wake::kCancelled);
    return false;
  }
  if (!wakeup_.TryWait(*this)) return false;
  if (SuspendUntilDeadline(handle)) return true;
  wakeup_.StopWaiting();
  return false;
}

Wake Signal::Awaiter::await_resume() {
  if (wake() == Wake::kDone) wakeup_.TryConsume();
  return wake();
}

void Signal::Awaiter::Detach() {
  CancelAlarm();
  wakeup_.StopWaiting();
}

Signal::Signal() : wakeup_(std::make_shared<Wakeup>(Queue::Current()->mailbox())) {}

}  // namespace covey::edge
