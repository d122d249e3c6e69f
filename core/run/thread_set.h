#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/spin.h"
#include "covey/detail/work.h"
#include "covey/timer_queue.h"

namespace covey {

// Threads that are started when work would wait, reused, and leave after an idle time. Work is carried out in the order
// in which it was handed over.
//
// Whoever hands work over puts it on a stack without a lock, and goes on; threads take the whole stack and turn it round.
// Nobody is woken as long as the queue is attended: by the watch, which is the one idle thread that looks after it, by the
// one that searches, by a thread that is starting, or by the timer. So short pieces of work are carried out by few threads that stay awake, and
// what is queued behind a long piece is started by the watch, which then passes its duty to the next idle thread. A thread
// that runs out of work looks for more for kSearch before it sleeps; at most one does so at a time.
//
// Thread safety: all of it.
// Invariants:
// 1. Work that was taken by Run is carried out exactly once.
// 2. While work is queued, attended_ is true, or a thread is about to make it so. It is cleared only before the queue is
//    looked at once more.
// 3. Work that finds no idle thread gets a new one at once while there are fewer than `at_once`, which is at
//    least 1. Otherwise it gets one only when none took it within kPatience: short pieces of work share few
//    threads, a thread that is about to be free is not doubled, and yet work that waits for other work never
//    waits for want of a thread, unless there are as many as there may be.
// 4. When a thread cannot be started, the work waits: for one that is there, or for a start that goes well, which
//    is tried again after kPatience and, while none does, ever more rarely. It never runs on the caller's.
class ThreadSet : public std::enable_shared_from_this<ThreadSet> {
 public:
  static constexpr std::chrono::milliseconds kPatience{1};
  static constexpr std::chrono::milliseconds kLongestPatience{128};
  static constexpr int kStartsAtOnce = 64;  // of threads, by the timer
  static constexpr std::chrono::microseconds kSearch{50};
  static constexpr std::chrono::microseconds kNap{
      30};  // of the watch, while short pieces of work are carried out
  static constexpr std::chrono::microseconds kShort{5};  // what is shorter is not worth another thread
  static constexpr int kLookAhead = 16;                  // of Take, in pieces of work

  struct Stats {
    size_t threads = 0;
    size_t idle = 0;
    size_t waiting = 0;  // pieces of work without a thread
  };

  // Starts a thread, or throws std::system_error when the system has none to give.
  using Starter = std::function<std::thread(std::function<void()>)>;

  // `starter` null: StartOwnThread. `most`: threads there may be; work that waits for other work of the set needs a
  // set without such a bound.
  ThreadSet(std::chrono::nanoseconds idle_time, std::shared_ptr<TimerQueue> timers, Starter starter = nullptr,
            size_t most = SIZE_MAX);
  ~ThreadSet();
  ThreadSet(const ThreadSet&) = delete;
  ThreadSet& operator=(const ThreadSet&) = delete;

  // `work` lives until it has run.
  void Run(WorkItem& work, size_t at_once) COVEY_EXCLUDES(mutex_);
  void Run(std::function<void()> work, size_t at_once) COVEY_EXCLUDES(mutex_);
  // Takes a piece of work of this owner out of the queue, when one is among the first kLookAhead; the caller carries it
  // out. Null: there is none.
  WorkItem* Take(const void* owner) COVEY_EXCLUDES(mutex_);

  void SetIdleTime(std::chrono::nanoseconds idle_time) COVEY_EXCLUDES(mutex_);
  Stats stats() const COVEY_EXCLUDES(mutex_);
  // Kept as long as one of the threads: what work needs that may outlive the owner of this set.
  void Keep(std::shared_ptr<void> needed) { kept_ = std::move(needed); }
  // Of each thread; before the first Run.
  struct Hooks {
    std::string name{};
    std::function<void()> start{};
    std::function<void()> stop{};
  };
  void SetHooks(Hooks hooks) { hooks_ = std::make_unique<const Hooks>(std::move(hooks)); }

  // Carries out what is waiting, by itself where there is no thread, and ends the threads; waits for them but for
  // the calling one. No Run afterwards.
  void Stop() COVEY_EXCLUDES(mutex_);

 private:
  struct Sleeper;

  class Listed;

  // The parts of Loop. What they return is to be woken without the lock; null: nobody.
  void Loop() COVEY_EXCLUDES(mutex_);
  bool Idle(Sleeper& self) COVEY_EXCLUDES(mutex_);
  bool Search() COVEY_EXCLUDES(mutex_);
  bool SleepLocked(Sleeper& self, MutexLock& lock) COVEY_NO_TSA;
  bool WatchLocked(Sleeper& self, MutexLock& lock) COVEY_NO_TSA;

  bool Queued() const {
    return front_.load(std::memory_order_relaxed) != nullptr ||
           inbox_.load(std::memory_order_seq_cst) != nullptr;
  }
  // The stack, in the order in which it was filled.
  WorkItem* TakeInbox();
  WorkItem* PopLocked() COVEY_REQUIRES(mutex_);
  // Restores invariant 2. `stalled`: what is queued does not move, so a thread that is woken takes some of it at once.
  [[nodiscard]] Sleeper* AttendLocked(bool stalled = true) COVEY_REQUIRES(mutex_);
  static void Wake(Sleeper* sleeper);

  void LinkLocked(Sleeper& sleeper) COVEY_REQUIRES(mutex_);
  void UnlinkLocked(Sleeper& sleeper) COVEY_REQUIRES(mutex_);
  bool StartThreadLocked() COVEY_REQUIRES(mutex_);
  void ArmLocked() COVEY_REQUIRES(mutex_);
  void StartOverdue() COVEY_EXCLUDES(mutex_);
  static void Join(std::vector<std::thread> threads);

  // Constant after construction.
  const std::shared_ptr<TimerQueue> timers_;
  const Starter starter_;
  const size_t most_;
  std::shared_ptr<void> kept_;
  std::unique_ptr<const Hooks> hooks_;  // null: none

  // What those touch who hand work over.
  alignas(64) std::atomic<WorkItem*> inbox_ = nullptr;  // newest first
  std::atomic<uint64_t> pushed_ = 0;

  // What they read, and changes rarely.
  alignas(64) std::atomic<bool> attended_ = false;
  std::atomic<size_t> at_once_ = 1;

  // What the threads touch. The atomics are written under mutex_.
  alignas(64) mutable Mutex mutex_;
  std::atomic<WorkItem*> front_ = nullptr;  // oldest first; before all of inbox_
  std::atomic<uint64_t> taken_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> searching_ = false;  // one of the idle threads looks for work
  SpinBudget search_{kSearch};
  std::chrono::nanoseconds idle_time_ COVEY_GUARDED_BY(mutex_);
  Sleeper* watch_ COVEY_GUARDED_BY(mutex_) = nullptr;
  Sleeper* asleep_ COVEY_GUARDED_BY(mutex_) = nullptr;  // the last to fall asleep, which is woken first
  size_t idle_ COVEY_GUARDED_BY(mutex_) = 0;
  size_t starting_ COVEY_GUARDED_BY(mutex_) = 0;   // threads that have not looked for work yet
  bool armed_ COVEY_GUARDED_BY(mutex_) = false;    // a StartOverdue is scheduled
  uint64_t overdue_ COVEY_GUARDED_BY(mutex_) = 0;  // what it will find too old: pushed by then
  std::chrono::milliseconds pause_ COVEY_GUARDED_BY(mutex_) = kPatience;  // before the next one
  std::map<std::thread::id, std::thread> threads_ COVEY_GUARDED_BY(mutex_);
  // All there ever were: who wakes one may come when its thread has left.
  std::vector<std::unique_ptr<Sleeper>> sleepers_ COVEY_GUARDED_BY(mutex_);
  std::vector<Sleeper*> spare_ COVEY_GUARDED_BY(mutex_);
};

}  // namespace covey
