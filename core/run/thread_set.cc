#include "core/run/thread_set.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "core/base/check.h"

namespace covey {

ThreadSet::ThreadSet(std::chrono::nanoseconds idle_time, std::shared_ptr<TimerQueue> timers, Starter starter,
                     size_t most)
    : timers_(std::move(timers)), starter_(std::move(starter)), most_(most), idle_time_(idle_time) {}

ThreadSet::~ThreadSet() { Stop(); }

void ThreadSet::Run(std::function<void()> work, size_t at_once) {
  MutexLock lock(mutex_);
  COVEY_CHECK(!stopping_);
  work_.push_back({std::move(work), timers_->Now()});
  if (idle_ + starting_ >= work_.size()) {
    work_or_stop_.NotifyOne();
  } else if (threads_.size() < std::min(std::max<size_t>(at_once, 1), most_)) {
    if (!StartThreadLocked()) ArmLocked();
  } else {
    ArmLocked();
  }
}

void ThreadSet::SetIdleTime(std::chrono::nanoseconds idle_time) {
  MutexLock lock(mutex_);
  idle_time_ = idle_time;
  work_or_stop_.NotifyAll();
}

ThreadSet::Stats ThreadSet::stats() const {
  MutexLock lock(mutex_);
  return {.threads = threads_.size(), .idle = idle_, .waiting = work_.size()};
}

bool ThreadSet::StartThreadLocked() {
  try {
    // It takes mutex_ first, so it is listed before it looks.
    const auto loop = [self = shared_from_this()] { self->Loop(); };
    std::thread thread = starter_ ? starter_(loop) : std::thread(loop);
    threads_.emplace(thread.get_id(), std::move(thread));
    ++starting_;
    pause_ = kPatience;
    return true;
  } catch (const std::system_error&) {
    pause_ = std::min(pause_ * 2, kLongestPatience);
    return false;
  }
}

void ThreadSet::ArmLocked() {
  // In a full set whoever is free next takes what waits.
  if (armed_ || threads_.size() >= most_) return;
  armed_ = true;
  timers_->ScheduleAfter(pause_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->StartOverdue();
  });
}

void ThreadSet::StartOverdue() {
  MutexLock lock(mutex_);
  armed_ = false;
  if (stopping_) return;
  const auto now = timers_->Now();
  // The oldest are about to be taken by threads that idle or are starting; each thread started here takes one
  // of those after them. A few at a time: other timers wait for this one.
  size_t served = idle_ + starting_;
  for (int started = 0; started < kStartsAtOnce && threads_.size() < most_ && served < work_.size() &&
                        now - work_[served].since >= kPatience;
       ++started, ++served) {
    if (!StartThreadLocked()) break;
  }
  if (work_.size() > served) ArmLocked();
}

void ThreadSet::Loop() {
  MutexLock lock(mutex_);
  --starting_;
  for (;;) {
    if (!work_.empty()) {
      std::function<void()> work = std::move(work_.front().work);
      work_.pop_front();
      lock.Unlock();
      work();
      work = nullptr;  // its captures end before the thread counts as idle
      lock.Lock();
      continue;
    }
    if (stopping_) break;
    ++idle_;
    const auto since = std::chrono::steady_clock::now();
    bool in_time = true;
    while (work_.empty() && !stopping_ && in_time) {
      in_time = idle_time_ >= std::chrono::hours(24 * 365)
                    ? (work_or_stop_.Wait(mutex_), true)
                    : work_or_stop_.WaitUntil(mutex_, since + idle_time_) ||
                          std::chrono::steady_clock::now() < since + idle_time_;
    }
    --idle_;
    if (work_.empty() && !stopping_) break;
  }
  if (const auto self = threads_.find(std::this_thread::get_id()); self != threads_.end()) {
    self->second.detach();  // left by itself: it has nothing more to do, and nobody would join it
    threads_.erase(self);
  }
}

void ThreadSet::Stop() {
  std::vector<std::thread> threads;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    work_or_stop_.NotifyAll();
    for (auto& [id, thread] : threads_) threads.push_back(std::move(thread));
    threads_.clear();
  }
  Join(std::move(threads));
  MutexLock lock(mutex_);
  while (!work_.empty()) {  // no thread could be started for it
    std::function<void()> work = std::move(work_.front().work);
    work_.pop_front();
    lock.Unlock();
    work();
    work = nullptr;
    lock.Lock();
  }
}

void ThreadSet::Join(std::vector<std::thread> threads) {
  for (std::thread& thread : threads) {
    if (thread.get_id() == std::this_thread::get_id()) {
      thread.detach();
    } else {
      thread.join();
    }
  }
}

}  // namespace covey
