#pragma once

#include <cstdint>
#include <string_view>

#include "core/state/event.h"
#include "core/state/task_state.h"

namespace covey::state {

// The state of a group in O(1): counters and flags, whatever the number of its tasks.
//
// Invariants:
// 1. submitted == queued + running + succeeded + failed + stopped.
// 2. outcome is set by exactly one kGroupDecided and never changes (the first decision wins).
// 3. decided implies queued == 0: what never started is stopped by the decision.
// 4. completed implies decided and running == 0; nothing follows kGroupCompleted.
struct GroupState {
  // Set at creation.
  Policy policy = Policy::kAll;
  uint32_t max_failures = 0;

  uint32_t submitted = 0;
  uint32_t queued = 0;
  uint32_t running = 0;
  uint32_t succeeded = 0;
  uint32_t failed = 0;
  uint32_t stopped = 0;

  bool sealed = false;
  bool armed = false;  // seal when the last unfinished task ends (library Wait, seal_when_idle): not an event
  bool decided = false;
  bool completed = false;
  Outcome outcome = Outcome::kNone;
  FailureKind failure = FailureKind::kNone;  // of the decision
  int32_t code = 0;
  uint32_t decider = kNoTask;  // the task whose end decided, if one did
  uint32_t decider_attempt = 0;
  uint32_t first_failed = kNoTask;  // the first task that failed, decisive or not

  uint32_t unfinished() const { return queued + running; }
  bool operator==(const GroupState&) const = default;
};

enum class CommandKind : uint8_t {
  kSubmit = 1,      // one task: its index will be group.submitted
  kStart = 2,       // task: a slot is held; the attempt number is task.attempt + 1
  kExit = 3,        // task, attempt, result kSucceeded or kFailed, failure, code
  kCancelTask = 4,  // task; failure: kCancelled, or kTimeout when its own time is up
  kDelivered = 5,   // task, attempt, code
  kKilled = 6,      // task, attempt
  kCancel = 7,      // the group, by request or by its owner's end
  kExpire = 8,      // the group's deadline has passed
  kSeal = 9,
  kArm = 10,      // seal when idle
  kRequeue = 11,  // task, attempt, failure: the attempt is over without a result, and the task may run again
};
inline constexpr int kCommandKinds = 12;

struct Command {
  CommandKind kind{};
  Ending result = Ending::kNone;
  FailureKind failure = FailureKind::kNone;
  uint32_t task = kNoTask;
  uint32_t attempt = 0;
  int32_t code = 0;
};

// Why a command changes nothing. kNone with an empty buffer: it was true already (sealing what is sealed).
enum class Refusal : uint8_t {
  kNone = 0,
  kSealed,     // submit after the seal
  kDecided,    // submit or start after the decision
  kNotQueued,  // start of a task that runs or has ended
  kStale,      // a late word of an older attempt, or of one that has ended
  kFull,       // submit of task number kNoTask
};
std::string_view Name(Refusal refusal);

// Decides one command: appends the events that it causes to `out`, in order, or refuses. Pure: no locks,
// clocks or I/O. `task` is the state of command.task, or a fresh TaskState for kSubmit and group commands.
// kArm alone yields no event unless the group is idle; the caller sets group.armed.
Refusal Decide(const GroupState& group, const TaskState& task, const Command& command, EventBuffer& out);

// Folds one event. Requires that it follows from the state.
void Apply(GroupState& group, const Event& event);

// True when the task never started and its group's decision stopped it.
inline bool Stopped(const GroupState& group, const TaskState& task) {
  return group.decided && task.phase == TaskState::Phase::kQueued;
}

}  // namespace covey::state
