#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/engine/effects.h"
#include "core/engine/ticket.h"
#include "core/executor/executor.h"
#include "core/run/lane.h"
#include "covey/pool.h"
#include "covey/timer_queue.h"

namespace covey {

// The attempts of one group that are under way, from the grant of a slot to the exit, and the group's place
// in its pool.
//
// Invariants:
// 1. A task has at most one attempt here.
// 2. The lane holds a slot for each attempt with kHeld, and for grants that have not been answered.
// 3. What is stopping has a cause, and its execution has been told or will be by whoever stores it.
//
// Guarded by the lock of its group, but for the lane, which has its own: Push and Release deliver grants and
// so are for times without the group's lock.
class Attempts {
 public:
  enum class Slot : uint8_t {
    kNone,  // the kind of work takes none
    kHeld,
  };

  struct Attempt {
    uint32_t number = 0;
    Slot slot = Slot::kHeld;
    bool launched = false;  // its start is committed and the executor has been called
    bool stopping = false;
    bool interrupted = false;                 // stopped since the daemon stops, and for no other reason
    bool told = false;                        // of an interrupted one: the stop has reached it
    FailureKind cancel = FailureKind::kNone;  // of this task alone, whether that is written or not
    std::shared_ptr<Execution> execution;
    std::shared_ptr<const Failure> stop_cause;
    TimerQueue::TimerId timeout{};
  };
  using Map = std::unordered_map<uint32_t, Attempt>;

  // `pool` null: the group is over and only read.
  Attempts(std::shared_ptr<Pool> pool, std::shared_ptr<TimerQueue> timers);
  // Once, before anything is queued: `owner` gets the grants. Null without a pool.
  Lane* OpenLane(std::weak_ptr<LaneOwner> owner, uint32_t limit);

  const Map& all() const { return attempts_; }
  bool empty() const { return attempts_.empty(); }
  // Null when the task has none; with a number, when that is not its attempt.
  Attempt* Find(uint32_t task);
  Attempt* Find(uint32_t task, uint32_t number);
  const Attempt* Find(uint32_t task) const;

  Attempt& Begin(uint32_t task, uint32_t number, Slot slot);
  // It is over: its timer is cancelled, and its slot goes back with `effects`.
  Attempt End(uint32_t task, Effects& effects);

  void Stop(Attempt& attempt, std::shared_ptr<const Failure> cause, Effects& effects);
  void StopAll(const std::shared_ptr<const Failure>& cause, Effects& effects);
  // Stops what is not stopping yet because the daemon stops, but for what `spared` names.
  void Interrupt(const std::shared_ptr<const Failure>& cause,
                 const std::function<bool(uint32_t task)>& spared, Effects& effects);
  // Keeps what the executor answered. The cause, when it was to be stopped meanwhile.
  std::shared_ptr<const Failure> Started(uint32_t task, uint32_t number,
                                         std::shared_ptr<Execution> execution);

  // Drops what waits; nothing is to be queued any more.
  void Suspend();
  bool suspended() const { return suspended_; }

  // Starts the clock of an attempt's own timeout.
  void StartTimeout(Attempt& attempt, std::chrono::nanoseconds timeout, std::function<void()> expired);

  Pool* pool() const { return pool_.get(); }
  // Has its own lock; null for a group that is only read.
  Lane* lane() const { return lane_.get(); }

 private:
  const std::shared_ptr<Pool> pool_;
  const std::shared_ptr<TimerQueue> timers_;
  Map attempts_;
  std::unique_ptr<Lane> lane_;
  bool suspended_ = false;
};

}  // namespace covey
