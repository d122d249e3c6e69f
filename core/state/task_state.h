#pragma once

#include <cstdint>

#include "core/state/event.h"

namespace covey::state {

// One task: queued -> running -> ended; an attempt that ends without a result puts it back to queued.
//
// Invariants:
// 1. attempt counts the starts: 0 while it never started.
// 2. result is kNone until ended.
// 3. A queued task that its group's decision stopped keeps kQueued here: the decision is one event for all of
//    them. Ask Stopped(group, task) in group_state.h.
struct TaskState {
  enum class Phase : uint8_t { kQueued = 0, kRunning = 1, kEnded = 2 };

  Phase phase = Phase::kQueued;
  Ending result = Ending::kNone;
  FailureKind failure = FailureKind::kNone;
  FailureKind cancel = FailureKind::kNone;  // of this task alone: kCancelled or kTimeout once requested
  bool cancel_delivered : 1 = false;
  bool cancel_killed : 1 = false;
  uint32_t attempt = 0;
  int32_t code = 0;

  bool operator==(const TaskState&) const = default;
};
static_assert(sizeof(TaskState) == 16);

// True when an event about this task can follow from its state. What Decide made does; what was read from a
// file may not.
bool Follows(const TaskState& task, const Event& event);

// Folds one event about this task into it. Requires that the event follows from the state.
void Apply(TaskState& task, const Event& event);

}  // namespace covey::state
