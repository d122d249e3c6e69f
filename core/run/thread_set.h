#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "core/base/mutex.h"
#include "covey/timer_queue.h"

namespace covey {

// Threads that are started when work would wait, reused, and leave after an idle time.
//
// Thread safety: all of it.
// Invariants:
// 1. Work that was taken by Run is carried out exactly once.
// 2. Work that finds no idle thread gets a new one at once while there are fewer than `at_once`, which is at
//    least 1. Otherwise it gets one only when none took it within kPatience: short pieces of work share few
//    threads, a thread that is about to be free is not doubled, and yet work that waits for other work never
//    waits for want of a thread, unless there are as many as there may be.
// 3. When a thread cannot be started, the work waits: for one that is there, or for a start that goes well, which
//    is tried again after kPatience and, while none does, ever more rarely. It never runs on the caller's.
class ThreadSet : public std::enable_shared_from_this<ThreadSet> {
 public:
  static constexpr std::chrono::milliseconds kPatience{1};
  static constexpr std::chrono::milliseconds kLongestPatience{128};
  static constexpr int kStartsAtOnce = 64;  // of threads, by the timer

  struct Stats {
    size_t threads = 0;
    size_t idle = 0;
    size_t waiting = 0;  // pieces of work without a thread
  };

  // Starts a thread, or throws std::system_error when the system has none to give.
  using Starter = std::function<std::thread(std::function<void()>)>;

  // `starter` null: std::thread's constructor. `most`: threads there may be; work that waits for other work of the
  // set needs a set without such a bound.
  ThreadSet(std::chrono::nanoseconds idle_time, std::shared_ptr<TimerQueue> timers, Starter starter = nullptr,
            size_t most = SIZE_MAX);
  ~ThreadSet();
  ThreadSet(const ThreadSet&) = delete;
  ThreadSet& operator=(const ThreadSet&) = delete;

  void Run(std::function<void()> work, size_t at_once) COVEY_EXCLUDES(mutex_);
  void SetIdleTime(std::chrono::nanoseconds idle_time) COVEY_EXCLUDES(mutex_);
  Stats stats() const COVEY_EXCLUDES(mutex_);

  // Carries out what is waiting, by itself where there is no thread, and ends the threads; waits for them but for
  // the calling one. No Run afterwards.
  void Stop() COVEY_EXCLUDES(mutex_);

 private:
  struct Work {
    std::function<void()> work;
    TimerQueue::Clock::time_point since;
  };

  bool StartThreadLocked() COVEY_REQUIRES(mutex_);
  void ArmLocked() COVEY_REQUIRES(mutex_);
  void StartOverdue() COVEY_EXCLUDES(mutex_);
  void Loop() COVEY_EXCLUDES(mutex_);
  static void Join(std::vector<std::thread> threads);

  const std::shared_ptr<TimerQueue> timers_;
  const Starter starter_;
  const size_t most_;

  mutable Mutex mutex_;
  CondVar work_or_stop_;
  std::chrono::nanoseconds idle_time_ COVEY_GUARDED_BY(mutex_);
  bool stopping_ COVEY_GUARDED_BY(mutex_) = false;
  bool armed_ COVEY_GUARDED_BY(mutex_) = false;                           // a StartOverdue is scheduled
  std::chrono::milliseconds pause_ COVEY_GUARDED_BY(mutex_) = kPatience;  // before the next one
  size_t starting_ COVEY_GUARDED_BY(mutex_) = 0;  // threads that have not looked for work yet
  std::deque<Work> work_ COVEY_GUARDED_BY(mutex_);
  size_t idle_ COVEY_GUARDED_BY(mutex_) = 0;
  std::map<std::thread::id, std::thread> threads_ COVEY_GUARDED_BY(mutex_);
};

}  // namespace covey
