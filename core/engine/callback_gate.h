#pragma once

#include <cstddef>

#include "core/base/mutex.h"

namespace covey {

// Lets calls through to somebody who may end before those who call do: after Close none is under way, and none
// comes any more.
//
// Thread safety: all of it. No lock is held while a call is under way. Close not from within a call.
class CallbackGate {
 public:
  template <typename Call>
  void Pass(const Call& call) COVEY_EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      if (closed_) return;
      ++under_way_;
    }
    call();
    MutexLock lock(mutex_);
    if (--under_way_ == 0 && closed_) idle_.NotifyAll();
  }
  void Close() COVEY_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    closed_ = true;
    while (under_way_ > 0) idle_.Wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar idle_;
  bool closed_ COVEY_GUARDED_BY(mutex_) = false;
  size_t under_way_ COVEY_GUARDED_BY(mutex_) = 0;
};

}  // namespace covey
