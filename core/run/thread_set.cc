#include "core/run/thread_set.h"

#include <sys/prctl.h>

#include <algorithm>
#include <optional>
#include <system_error>
#include <utility>

#include "core/base/check.h"
#include "core/base/futex.h"
#include "core/base/own_thread.h"
#include "core/base/spin.h"

namespace covey {
namespace {

constexpr std::chrono::hours kForEver{24 * 365};

struct FunctionWork final : WorkItem {
  explicit FunctionWork(std::function<void()> call) : function(std::move(call)) { run = &Carry; }
  static void Carry(WorkItem& work) {
    auto& self = static_cast<FunctionWork&>(work);
    self.function();
    delete &self;  // its captures end before the thread counts as idle
  }
  std::function<void()> function;
};

}  // namespace

// An idle thread. Guarded by the set's mutex, but for the word.
struct ThreadSet::Sleeper {
  FutexWord woken = 0;
  bool linked = false;
  bool stalled = true;  // what is queued does not move: the next one takes it at once
  uint64_t seen = 0;    // taken_ when it was last looked at
  Sleeper* before = nullptr;
  Sleeper* after = nullptr;
};

ThreadSet::ThreadSet(std::chrono::nanoseconds idle_time, std::shared_ptr<TimerQueue> timers, Starter starter,
                     size_t most)
    : timers_(std::move(timers)), starter_(std::move(starter)), most_(most), idle_time_(idle_time) {}

ThreadSet::~ThreadSet() { Stop(); }

void ThreadSet::Run(std::function<void()> work, size_t at_once) {
  Run(*new FunctionWork(std::move(work)), at_once);
}

void ThreadSet::Run(WorkItem& work, size_t at_once) {
  COVEY_CHECK(!stopping_.load(std::memory_order_relaxed));
  if (at_once_.load(std::memory_order_relaxed) != at_once) at_once_.store(at_once, std::memory_order_relaxed);
  pushed_.fetch_add(1, std::memory_order_relaxed);
  work.next = inbox_.load(std::memory_order_relaxed);
  while (
      !inbox_.compare_exchange_weak(work.next, &work, std::memory_order_seq_cst, std::memory_order_relaxed)) {
  }
  if (attended_.load(std::memory_order_seq_cst)) return;
  MutexLock lock(mutex_);
  Sleeper* const sleeper = AttendLocked();
  lock.Unlock();
  Wake(sleeper);
}

WorkItem* ThreadSet::TakeInbox() {
  if (inbox_.load(std::memory_order_relaxed) == nullptr) return nullptr;
  WorkItem* newest = inbox_.exchange(nullptr, std::memory_order_acquire);
  WorkItem* oldest = nullptr;
  while (newest != nullptr) {
    WorkItem* const next = std::exchange(newest->next, oldest);
    oldest = std::exchange(newest, next);
  }
  return oldest;
}

WorkItem* ThreadSet::PopLocked() {
  WorkItem* work = front_.load(std::memory_order_relaxed);
  if (work == nullptr && (work = TakeInbox()) == nullptr) return nullptr;
  front_.store(work->next, std::memory_order_relaxed);
  taken_.store(taken_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  return work;
}

WorkItem* ThreadSet::Take(const void* owner) {
  if (!Queued()) return nullptr;
  MutexLock lock(mutex_);
  WorkItem* before = nullptr;
  WorkItem* work = front_.load(std::memory_order_relaxed);
  for (int i = 0; i < kLookAhead; ++i) {
    if (work == nullptr) {
      work = TakeInbox();
      if (work == nullptr) return nullptr;
      before == nullptr ? front_.store(work, std::memory_order_relaxed) : void(before->next = work);
    }
    if (work->owner == owner) {
      before == nullptr ? front_.store(work->next, std::memory_order_relaxed)
                        : void(before->next = work->next);
      taken_.store(taken_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return work;
    }
    before = std::exchange(work, work->next);
  }
  return nullptr;
}

ThreadSet::Sleeper* ThreadSet::AttendLocked(bool stalled) {
  Sleeper* woken = nullptr;
  for (;;) {
    // With threads asleep the timer is not enough, nor that some thread will be free.
    const bool attended = watch_ != nullptr || searching_.load(std::memory_order_relaxed) || starting_ > 0 ||
                          (asleep_ == nullptr && (armed_ || threads_.size() >= most_));
    if (attended_.load(std::memory_order_relaxed) != attended) {
      attended_.store(attended, std::memory_order_seq_cst);
    }
    if (attended || !Queued() || stopping_.load(std::memory_order_relaxed)) return woken;
    if (asleep_ != nullptr) {
      woken = watch_ = asleep_;
      UnlinkLocked(*woken);
      woken->seen = taken_.load(std::memory_order_relaxed);
      woken->stalled = stalled;
    } else if (const size_t at_once = at_once_.load(std::memory_order_relaxed);
               threads_.size() >= std::min(std::max<size_t>(at_once, 1), most_) || !StartThreadLocked()) {
      ArmLocked();
    }
  }
}

void ThreadSet::Wake(Sleeper* sleeper) {
  if (sleeper == nullptr) return;
  FutexWord* const word = &sleeper->woken;
  word->store(1, std::memory_order_release);
  FutexWake(word, 1);
}

void ThreadSet::LinkLocked(Sleeper& sleeper) {
  sleeper.woken.store(0, std::memory_order_relaxed);
  sleeper.linked = true;
  sleeper.before = nullptr;
  sleeper.after = asleep_;
  if (asleep_ != nullptr) asleep_->before = &sleeper;
  asleep_ = &sleeper;
}

void ThreadSet::UnlinkLocked(Sleeper& sleeper) {
  (sleeper.before != nullptr ? sleeper.before->after : asleep_) = sleeper.after;
  if (sleeper.after != nullptr) sleeper.after->before = sleeper.before;
  sleeper.linked = false;
}

void ThreadSet::SetIdleTime(std::chrono::nanoseconds idle_time) {
  MutexLock lock(mutex_);
  idle_time_ = idle_time;
  // They look at it again and sleep on. With the lock held: a sleeper that goes takes it first.
  for (Sleeper* sleeper = asleep_; sleeper != nullptr; sleeper = sleeper->after) Wake(sleeper);
}

ThreadSet::Stats ThreadSet::stats() const {
  MutexLock lock(mutex_);
  // In this order: what is taken was pushed before.
  const uint64_t taken = taken_.load(std::memory_order_relaxed);
  return {.threads = threads_.size(),
          .idle = idle_,
          .waiting = static_cast<size_t>(pushed_.load(std::memory_order_relaxed) - taken)};
}

bool ThreadSet::StartThreadLocked() {
  try {
    // It takes mutex_ first, so it is listed before it looks.
    const auto loop = [self = shared_from_this()] { self->Loop(); };
    std::thread thread = starter_ ? starter_(loop) : StartOwnThread(loop);
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
  overdue_ = pushed_.load(std::memory_order_relaxed);
  timers_->ScheduleAfter(pause_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->StartOverdue();
  });
}

void ThreadSet::StartOverdue() {
  MutexLock lock(mutex_);
  armed_ = false;
  if (stopping_.load(std::memory_order_relaxed)) return;
  // The oldest are about to be taken by threads that idle or are starting; each thread started here takes one
  // of those after them. A few at a time: other timers wait for this one.
  const uint64_t taken = taken_.load(std::memory_order_relaxed);
  uint64_t served = taken + idle_ + starting_;
  for (int started = 0; started < kStartsAtOnce && threads_.size() < most_ && served < overdue_;
       ++started, ++served) {
    if (!StartThreadLocked()) break;
  }
  if (pushed_.load(std::memory_order_relaxed) > served) ArmLocked();
  Sleeper* const sleeper = AttendLocked();
  lock.Unlock();
  Wake(sleeper);
}

// A thread of the set, from its arrival until it leaves: by itself, or because a task has ended it (pthread_exit).
class ThreadSet::Listed {
 public:
  explicit Listed(ThreadSet& set) : set_(set) {
    MutexLock lock(set_.mutex_);
    --set_.starting_;
    if (set_.spare_.empty()) {
      set_.sleepers_.push_back(std::make_unique<Sleeper>());
      set_.spare_.push_back(set_.sleepers_.back().get());
    }
    self_ = set_.spare_.back();
    set_.spare_.pop_back();
  }
  ~Listed() {
    MutexLock lock(set_.mutex_);
    if (set_.watch_ == self_) set_.watch_ = nullptr;
    set_.spare_.push_back(self_);
    if (const auto thread = set_.threads_.find(std::this_thread::get_id()); thread != set_.threads_.end()) {
      thread->second.detach();  // left by itself: it has nothing more to do, and nobody would join it
      set_.threads_.erase(thread);
    }
    Sleeper* const sleeper = set_.AttendLocked();
    lock.Unlock();
    Wake(sleeper);
  }
  Listed(const Listed&) = delete;
  Listed& operator=(const Listed&) = delete;

  Sleeper& self() const { return *self_; }

 private:
  ThreadSet& set_;
  Sleeper* self_ = nullptr;
};

void ThreadSet::Loop() {
  ::prctl(PR_SET_TIMERSLACK, 1UL);  // a nap is as short as it says
  const Listed listed(*this);
  if (hooks_ != nullptr) {
    if (!hooks_->name.empty()) ::prctl(PR_SET_NAME, hooks_->name.c_str());
    if (hooks_->start) hooks_->start();
  }
  Sleeper& self = listed.self();
  MutexLock lock(mutex_);
  for (;;) {
    if (WorkItem* const work = PopLocked()) {
      const bool stalled = watch_ == &self && self.stalled;
      if (watch_ == &self) watch_ = nullptr;
      Sleeper* const sleeper = AttendLocked(stalled);
      lock.Unlock();
      Wake(sleeper);
      work->run(*work);
      lock.Lock();
      continue;
    }
    if (stopping_.load(std::memory_order_relaxed)) break;
    lock.Unlock();
    const bool stays = Idle(self);
    lock.Lock();
    if (!stays && !Queued()) break;
  }
  lock.Unlock();
  if (hooks_ != nullptr && hooks_->stop) hooks_->stop();
}

// Until there may be work for this thread; false when it is to leave.
bool ThreadSet::Idle(Sleeper& self) {
  MutexLock lock(mutex_);
  ++idle_;
  bool searches = !searching_.load(std::memory_order_relaxed);
  if (watch_ == nullptr) {
    watch_ = &self;
    self.stalled = false;
    attended_.store(true, std::memory_order_seq_cst);
    searches = true;
  }
  if (searches) {
    searching_.store(true, std::memory_order_relaxed);
    lock.Unlock();
    const bool found = Search();
    lock.Lock();
    searching_.store(false, std::memory_order_relaxed);
    if (found) {
      --idle_;
      return true;
    }
  }
  bool stays = true;
  for (bool work = false; stays && !work;) {
    stays = SleepLocked(self, lock);
    work = stays && WatchLocked(self, lock);
  }
  --idle_;
  return stays;
}

// True when work was seen, or the end.
bool ThreadSet::Search() {
  Spin spin(search_.Begin());
  do {
    if (Queued()) {
      search_.Note(true);
      return true;
    }
    if (stopping_.load(std::memory_order_relaxed)) {
      search_.Note(true);
      return true;
    }
  } while (spin.Again());
  search_.Note(false);
  return false;
}

// Until this thread is made the watch; false when it is to leave.
bool ThreadSet::SleepLocked(Sleeper& self, MutexLock& lock) {
  if (watch_ == &self) watch_ = nullptr;
  LinkLocked(self);
  Sleeper* const sleeper = AttendLocked();  // may be this one
  if (sleeper != nullptr && sleeper != &self) {
    lock.Unlock();
    Wake(sleeper);
    lock.Lock();
  }
  const auto since = std::chrono::steady_clock::now();
  while (self.linked && !stopping_.load(std::memory_order_relaxed)) {
    std::optional<std::chrono::steady_clock::time_point> until;
    if (idle_time_ < kForEver) until = since + idle_time_;
    if (until && std::chrono::steady_clock::now() >= *until) break;
    lock.Unlock();
    FutexWait(self.woken, 0, until);
    lock.Lock();
    if (self.linked) self.woken.store(0, std::memory_order_relaxed);
  }
  if (!self.linked) return true;
  UnlinkLocked(self);
  return stopping_.load(std::memory_order_relaxed);
}

// True when this thread is to take work: what is queued does not move, or not quickly. False when nothing is queued.
bool ThreadSet::WatchLocked(Sleeper& self, MutexLock& lock) {
  // Who was woken by a thread that has work itself leaves it the time to do more of it.
  for (auto since = std::chrono::steady_clock::now(); !stopping_.load(std::memory_order_relaxed);) {
    if (!Queued()) return false;
    const uint64_t taken = taken_.load(std::memory_order_relaxed);
    const auto now = std::chrono::steady_clock::now();
    if (self.stalled || now - since >= kNap) {
      const size_t busy = std::max<size_t>(threads_.size() - std::min(idle_, threads_.size()), 1);
      self.stalled = taken == self.seen;
      if (self.stalled || (taken - self.seen) * kShort < (now - since) * busy) return true;
    }
    self.seen = taken;
    since = now;
    self.woken.store(0, std::memory_order_relaxed);
    lock.Unlock();
    FutexWait(self.woken, 0, now + kNap);
    lock.Lock();
  }
  return true;
}

void ThreadSet::Stop() {
  std::vector<std::thread> threads;
  {
    MutexLock lock(mutex_);
    stopping_.store(true, std::memory_order_relaxed);
    for (Sleeper* sleeper = asleep_; sleeper != nullptr; sleeper = sleeper->after) Wake(sleeper);
    for (auto& [id, thread] : threads_) threads.push_back(std::move(thread));
    threads_.clear();
  }
  Join(std::move(threads));
  MutexLock lock(mutex_);
  while (WorkItem* const work = PopLocked()) {  // no thread could be started for it
    lock.Unlock();
    work->run(*work);
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
