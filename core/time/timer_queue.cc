#include "covey/timer_queue.h"

#include <algorithm>
#include <map>
#include <thread>
#include <unordered_map>
#include <utility>

#include "core/base/after.h"
#include "core/base/check.h"
#include "core/base/mutex.h"
#include "core/base/own_thread.h"
#include "core/base/per_process.h"

namespace covey {

class TimerQueue::Impl {
 public:
  explicit Impl(bool manual) : manual_(manual), manual_now_(std::chrono::hours(1)) {}
  ~Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  // The thread holds what it uses: it may end after the queue, when a callback has ended that.
  static std::shared_ptr<Impl> WithThread() {
    auto impl = std::make_shared<Impl>(/*manual=*/false);
    impl->thread_ = StartOwnThread([impl] { impl->Loop(); });
    return impl;
  }
  // Drops what is pending and waits for the callback that runs, unless it is called from there. Called once,
  // last.
  void Stop() COVEY_EXCLUDES(mutex_);

  Clock::time_point Now() const COVEY_EXCLUDES(mutex_);
  TimerId Schedule(Clock::time_point when, std::function<void()> callback) COVEY_EXCLUDES(mutex_);
  bool Cancel(TimerId id) COVEY_EXCLUDES(mutex_);
  void AdvanceBy(std::chrono::nanoseconds step) COVEY_EXCLUDES(mutex_);
  size_t pending() const COVEY_EXCLUDES(mutex_);
  bool manual() const { return manual_; }

 private:
  using Key = std::pair<Clock::time_point, uint64_t>;

  void Loop() COVEY_EXCLUDES(mutex_);
  bool DueLocked(Clock::time_point now) const COVEY_REQUIRES(mutex_);
  // Takes the first callback out. Requires that there is one.
  std::function<void()> TakeLocked() COVEY_REQUIRES(mutex_);

  const bool manual_;
  mutable Mutex mutex_;
  CondVar changed_;
  bool stopping_ COVEY_GUARDED_BY(mutex_) = false;
  Clock::time_point manual_now_ COVEY_GUARDED_BY(mutex_);
  uint64_t next_id_ COVEY_GUARDED_BY(mutex_) = 1;
  std::map<Key, std::function<void()>> timers_ COVEY_GUARDED_BY(mutex_);
  std::unordered_map<uint64_t, Clock::time_point> instants_ COVEY_GUARDED_BY(mutex_);  // of the pending ids
  std::thread thread_;
};

void TimerQueue::Impl::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  if (thread_.joinable()) {
    if (thread_.get_id() == std::this_thread::get_id()) {
      thread_.detach();
    } else {
      thread_.join();
    }
  }
  std::map<Key, std::function<void()>> dropped;  // their captures end without the lock
  MutexLock lock(mutex_);
  dropped.swap(timers_);
  instants_.clear();
  lock.Unlock();
}

TimerQueue::Clock::time_point TimerQueue::Impl::Now() const {
  if (!manual_) return Clock::now();
  MutexLock lock(mutex_);
  return manual_now_;
}

TimerQueue::TimerId TimerQueue::Impl::Schedule(Clock::time_point when, std::function<void()> callback) {
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

bool TimerQueue::Impl::Cancel(TimerId id) {
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

bool TimerQueue::Impl::DueLocked(Clock::time_point now) const {
  return !stopping_ && !timers_.empty() && timers_.begin()->first.first <= now;
}

std::function<void()> TimerQueue::Impl::TakeLocked() {
  std::function<void()> callback = std::move(timers_.begin()->second);
  instants_.erase(timers_.begin()->first.second);
  timers_.erase(timers_.begin());
  return callback;
}

void TimerQueue::Impl::AdvanceBy(std::chrono::nanoseconds step) {
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

size_t TimerQueue::Impl::pending() const {
  MutexLock lock(mutex_);
  return timers_.size();
}

void TimerQueue::Impl::Loop() {
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

TimerQueue::TimerQueue() : TimerQueue(Impl::WithThread()) {}

TimerQueue::TimerQueue(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

// A callback may use the queue until it has returned.
TimerQueue::~TimerQueue() { impl_->Stop(); }

std::shared_ptr<TimerQueue> TimerQueue::Manual() {
  return std::shared_ptr<TimerQueue>(new TimerQueue(std::make_shared<Impl>(/*manual=*/true)));
}

const std::shared_ptr<TimerQueue>& TimerQueue::Default() {
  static PerProcess<std::shared_ptr<TimerQueue>> queues;
  return queues.Get([] { return std::make_shared<TimerQueue>(); });
}

TimerQueue::Clock::time_point TimerQueue::Now() const { return impl_->Now(); }

TimerQueue::TimerId TimerQueue::Schedule(Clock::time_point when, std::function<void()> callback) {
  return impl_->Schedule(when, std::move(callback));
}

TimerQueue::TimerId TimerQueue::ScheduleAfter(std::chrono::nanoseconds delay,
                                              std::function<void()> callback) {
  return impl_->Schedule(After(impl_->Now(), delay), std::move(callback));
}

bool TimerQueue::Cancel(TimerId id) { return impl_->Cancel(id); }

void TimerQueue::AdvanceBy(std::chrono::nanoseconds step) { impl_->AdvanceBy(step); }

bool TimerQueue::manual() const { return impl_->manual(); }

size_t TimerQueue::pending() const { return impl_->pending(); }

}  // namespace covey
