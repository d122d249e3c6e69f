#pragma once

#include <deque>
#include <functional>
#include <utility>

#include "core/base/mutex.h"

namespace covey {

// Writes one thing after the other: the next begins when the one before has been answered, so that each can be
// made of what is true in its turn, and the last word is the last that is kept.
//
// Thread safety: all of it. Nothing is called with a lock held. Outlives what it has begun.
class Outbox {
 public:
  // Called in its turn, perhaps at once; calls `written` once, when it is answered.
  using Write = std::function<void(std::function<void()> written)>;

  void Post(Write write) COVEY_EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      queue_.push_back(std::move(write));
      if (std::exchange(writing_, true)) return;
    }
    Next();
  }

 private:
  void Next() COVEY_EXCLUDES(mutex_) {
    Write write;
    {
      MutexLock lock(mutex_);
      if (queue_.empty()) {
        writing_ = false;
        return;
      }
      write = std::move(queue_.front());
      queue_.pop_front();
    }
    write([this] { Next(); });
  }

  Mutex mutex_;  // a leaf
  bool writing_ COVEY_GUARDED_BY(mutex_) = false;
  std::deque<Write> queue_ COVEY_GUARDED_BY(mutex_);
};

}  // namespace covey
