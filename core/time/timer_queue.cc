#include "core/time/timer_queue.h"

#include <algorithm>

#include "core/base/check.h"

namespace covey {

TimerQueue::TimerQueue() : manual_(false) { thread_ = std::thread(&TimerQueue::Loop, this); }

TimerQueue::TimerQueue(ManualTag) : manual_(true), manual_now_(std::chrono::hours(1)) {}

std::shared_ptr<TimerQueue> TimerQueue::Manual() {
  return std::shared_ptr<TimerQueue>(new TimerQueue(ManualTag{}));
}

TimerQueue::~TimerQueue() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

const std::shared_ptr<TimerQueue>& TimerQueue::Default() {
  static const auto* const kDefault = new std::shared_ptr<TimerQueue>(std::make_shared<TimerQueue>());
  return *kDefault;
}

TimerQueue::Clock::time_point TimerQueue::Now() const {
  if (!manual_) return Clock::now();
  MutexLock lock(mutex_);
  return manual_now_;
}

TimerQueue::TimerId TimerQueue::Schedule(Clock::time_point when, std::function<void()> callback) {
  bool first = false;
  uint64_t id = 0;
  {
    MutexLock lock(mutex_);
    id = next_id_++;
    const auto timer = timers_.emplace(Key(when, id), std::move(callback)).first;
    first = timer == timers_.begin();  // asked afterwards: the operands of == have no order
    instants_.emplace(id, when);
  }
  if (first) changed_.NotifyAll();
  return TimerId(id);
}

TimerQueue::TimerId TimerQueue::ScheduleAfter(std::chrono::nanoseconds delay,
                                              std::function<void()> callback) {
  return Schedule(Now() + delay, std::move(callback));
}

bool TimerQueue::Cancel(TimerId id) {
  std::function<void()> dropped;  // its captures end without the lock
  MutexLock lock(mutex_);
  const auto instant = instants_.find(static_cast<uint64_t>(id));
  if (instant == instants_.end()) return false;
  const auto timer = timers_.find(Key(instant->second, static_cast<uint64_t>(id)));
  dropped = std::move(timer->second);
  timers_.erase(timer);
  instants_.erase(instant);
  lock.Unlock();
  dropped = nullptr;
  return true;
}

bool TimerQueue::DueLocked(Clock::time_point now) const {
  return !stopping_ && !timers_.empty() && timers_.begin()->first.first <= now;
}

std::function<void()> TimerQueue::TakeLocked() {
  std::function<void()> callback = std::move(timers_.begin()->second);
  instants_.erase(timers_.begin()->first.second);
  timers_.erase(timers_.begin());
  return callback;
}

void TimerQueue::AdvanceBy(std::chrono::nanoseconds step) {
  COVEY_CHECK(manual_);
  MutexLock lock(mutex_);
  const Clock::time_point end = manual_now_ + step;
  while (DueLocked(end)) {
    manual_now_ = std::max(manual_now_, timers_.begin()->first.first);
    std::function<void()> callback = TakeLocked();
    lock.Unlock();
    callback();
    callback = nullptr;  // its captures end without the lock
    lock.Lock();
  }
  manual_now_ = end;
}

size_t TimerQueue::pending() const {
  MutexLock lock(mutex_);
  return timers_.size();
}

void TimerQueue::Loop() {
  MutexLock lock(mutex_);
  while (!stopping_) {
    if (DueLocked(Clock::now())) {
      std::function<void()> callback = TakeLocked();
      lock.Unlock();
      callback();
      callback = nullptr;
      lock.Lock();
    } else if (timers_.empty()) {
      changed_.Wait(mutex_);
    } else {
      changed_.WaitUntil(mutex_, timers_.begin()->first.first);
    }
  }
}

}  // namespace covey
