#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/status.h"
#include "core/run/context.h"
#include "core/run/thread_set.h"

namespace covey {

class Lane;

// Who queues in a lane.
class LaneOwner {
 public:
  virtual ~LaneOwner() = default;
  // The lane holds one slot more, for this ticket: start its work, or give the slot back with Lane::Release
  // if the ticket means nothing any more. Called without a lock of the pool, on the thread that freed or
  // asked for the slot.
  virtual void OnGranted(uint64_t ticket) = 0;
  // The pool was closed: the ticket will not be granted.
  virtual void OnRefused(uint64_t /*ticket*/) {}
};

// Reusable execution slots. `max` bounds how many are held at once. The pool has the only queue of tasks:
// tickets wait in lanes, one for each group, and free slots go round the lanes one ticket each, whatever
// their length.
//
// A task that blocks holds a slot and a thread (Run); one that does not holds a slot alone.
//
// Thread safety: all of it. Lock order: a caller's lock may be held around Lane::TryAcquire and the reads;
// around nothing else, since grants are delivered from within.
//
// Invariants:
// 1. running <= max, but for what was running when max was lowered.
// 2. A slot that becomes free is granted at once to the next eligible ticket: nothing waits for a thread to
// idle out.
// 3. A lane is in the ring exactly while it has tickets and is below its limit.
// 4. When no slot is free nothing is granted; when one is free the ring is empty.
class Pool : public std::enable_shared_from_this<Pool> {
 public:
  static constexpr uint32_t kMaxSlots = 65536;

  struct Options {
    uint32_t max = 0;                                              // 0: no bound; else 1..kMaxSlots
    std::chrono::nanoseconds idle_time = std::chrono::seconds(1);  // an idle thread leaves after this
    std::shared_ptr<TimerQueue> timers;                            // default: that of the process
  };
  struct Stats {
    uint32_t max = 0;
    size_t running = 0;  // slots held
    size_t waiting = 0;  // tickets
    size_t threads = 0;
    size_t idle_threads = 0;
    bool closed = false;
  };

  static std::shared_ptr<Pool> New(Options options);
  static std::shared_ptr<Pool> New(uint32_t max) { return New(Options{.max = max}); }
  // The unbounded one of this process, for groups without a pool.
  static const std::shared_ptr<Pool>& Default();
  // Waits for the threads.
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Blocks until `task` holds a slot, then runs it on a thread of the pool. ErrDispatchTimeout when the
  // context ends first, ErrClosed on a closed pool. What the task returns is its own affair; use a Group to
  // learn it. An exception that leaves it ends the program.
  Status Go(const Context& context, std::function<void()> task);

  // Runs `work` on a thread of the pool. The caller holds a slot for it.
  void Run(std::function<void()> work);

  // Takes effect at once; shrinking lets running tasks finish. 0: no bound.
  void SetMax(uint32_t max) COVEY_EXCLUDES(mutex_);
  void SetIdleTime(std::chrono::nanoseconds idle_time);
  Stats stats() const COVEY_EXCLUDES(mutex_);
  // stats().waiting alone.
  size_t waiting() const COVEY_EXCLUDES(mutex_);

  // Refuses what waits and what comes, and returns when the last slot is free. ErrClosed the second time. Not
  // from a task of this pool, nor from within a LaneOwner's call: it would wait for itself.
  Status Close() COVEY_EXCLUDES(mutex_);

 private:
  friend class Lane;
  // To a ticket: granted or refused.
  struct Answer {
    Lane* lane;
    uint64_t ticket;
    bool granted;
  };
  struct Delivery;

  explicit Pool(const Options& options);

  bool FreeLocked() const COVEY_REQUIRES(mutex_) { return max_ == 0 || running_ < max_; }
  void UpdateRingLocked(Lane& lane) COVEY_REQUIRES(mutex_);
  // Hands free slots to tickets; the caller delivers them without the lock.
  std::vector<Answer> GrantLocked() COVEY_REQUIRES(mutex_);
  void Deliver(std::vector<Answer> answers) COVEY_EXCLUDES(mutex_);

  const std::shared_ptr<ThreadSet> threads_;  // has its own synchronisation

  mutable Mutex mutex_;
  CondVar changed_;  // running_ == 0, or a delivery is over
  uint32_t max_ COVEY_GUARDED_BY(mutex_);
  bool closed_ COVEY_GUARDED_BY(mutex_) = false;
  size_t running_ COVEY_GUARDED_BY(mutex_) = 0;
  size_t waiting_ COVEY_GUARDED_BY(mutex_) = 0;
  std::list<Lane*> lanes_ COVEY_GUARDED_BY(mutex_);  // all
  std::list<Lane*> ring_ COVEY_GUARDED_BY(mutex_);   // those that could take a slot; the next at the front

  static thread_local Delivery* delivery_;
};

// A group's place in a pool: tickets in order of arrival, with a bound of its own.
//
// Destruction drops its tickets, requires that it holds no slot, and waits for a call of its owner
// under way on another thread.
class Lane {
 public:
  // `limit` 0: none but the pool's.
  Lane(std::shared_ptr<Pool> pool, LaneOwner* owner, uint32_t limit = 0);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // Takes up to `count` slots without queueing, as far as they are free and no ticket waits for them.
  // Delivers nothing.
  size_t TryAcquire(size_t count = 1);
  // Takes slots for what runs already; may exceed the bounds, as lowering them may.
  void Adopt(size_t count);
  // Queues tickets, and delivers what can be granted. ErrClosed on a closed pool: then none is queued.
  Status Push(std::span<const uint64_t> tickets);
  // Gives slots back; they serve the next tickets at once.
  void Release(size_t count = 1);
  // Drops all tickets; how many there were.
  size_t Clear();
  // Drops one ticket: false when it is not waiting (granted, refused or never queued). O(tickets).
  bool Withdraw(uint64_t ticket);
  void SetLimit(uint32_t limit);

  size_t running() const;
  size_t waiting() const;
  // Tickets before this one; nullopt when it is not waiting. O(tickets).
  std::optional<size_t> Ahead(uint64_t ticket) const;
  Pool& pool() const { return *pool_; }

 private:
  friend class Pool;

  const std::shared_ptr<Pool> pool_;
  LaneOwner* const owner_;
  std::list<Lane*>::iterator place_;  // in pool_->lanes_
  // Guarded by pool_->mutex_. Not annotated: the analysis does not see that it is the mutex_ of the Pool that
  // walks its lanes.
  uint32_t limit_;
  size_t running_ = 0;
  size_t delivering_ = 0;  // answers that the owner has not returned from
  bool in_ring_ = false;
  std::list<Lane*>::iterator ring_place_;
  std::deque<uint64_t> tickets_;
};

// Callers that block for a slot of one lane.
class BlockingLane final : private LaneOwner {
 public:
  BlockingLane(std::shared_ptr<Pool> pool, uint32_t limit) : lane_(std::move(pool), this, limit) {}
  // OK when a slot is held. ErrDispatchTimeout when the context ends first, ErrClosed on a closed pool.
  Status Acquire(const Context& context);
  void Release() { lane_.Release(); }
  void SetLimit(uint32_t limit) { lane_.SetLimit(limit); }
  Lane& lane() { return lane_; }

 private:
  struct Waiter;
  void OnGranted(uint64_t ticket) override;
  void OnRefused(uint64_t ticket) override;

  Mutex mutex_;
  Lane lane_;  // after mutex_: its destructor waits for calls that take it
};

}  // namespace covey
