#include "core/output/subscriber.h"

#include <algorithm>

namespace covey {

void Subscriber::Call(uint32_t task, uint32_t attempt, OutputStream stream) {
  const std::thread::id self = std::this_thread::get_id();
  {
    MutexLock lock(mutex_);
    if (cancelled_) return;
    callers_.push_back(self);
  }
  changed_(task, attempt, stream);
  MutexLock lock(mutex_);
  callers_.erase(std::find(callers_.begin(), callers_.end(), self));
  idle_.NotifyAll();
}

void Subscriber::Cancel() {
  const std::thread::id self = std::this_thread::get_id();
  MutexLock lock(mutex_);
  cancelled_ = true;
  // A call may cancel its own subscription: it need not wait for itself.
  while (std::any_of(callers_.begin(), callers_.end(), [self](std::thread::id id) { return id != self; })) {
    idle_.Wait(mutex_);
  }
}

}  // namespace covey
