#include "core/state/task_state.h"

namespace covey::state {

using Phase = TaskState::Phase;

bool Follows(const TaskState& task, const Event& event) {
  switch (event.kind) {
    case EventKind::kTaskStarted:
      return task.phase == Phase::kQueued && event.attempt == task.attempt + 1;
    case EventKind::kTaskExited:
      return task.phase != Phase::kEnded && event.attempt == task.attempt;
    default:
      return true;
  }
}

void Apply(TaskState& task, const Event& event) {
  COVEY_CHECK(Follows(task, event));
  switch (event.kind) {
    case EventKind::kTaskStarted:
      task.phase = Phase::kRunning;
      task.attempt = event.attempt;
      task.cancel_delivered = task.cancel_killed = false;
      break;
    case EventKind::kTaskExited:
      task.phase = event.result == Ending::kNone ? Phase::kQueued : Phase::kEnded;
      task.result = event.result;
      task.failure = event.failure;
      task.code = event.code;
      break;
    case EventKind::kCancelRequested:
      task.cancel = event.failure;
      break;
    case EventKind::kCancelDelivered:
      task.cancel_delivered = true;
      break;
    case EventKind::kCancelKilled:
      task.cancel_killed = true;
      break;
    case EventKind::kTaskSubmitted:
    case EventKind::kCancelGone:
    case EventKind::kGroupCreated:
    case EventKind::kGroupSealed:
    case EventKind::kGroupDecided:
    case EventKind::kGroupCompleted:
      break;
  }
}

}  // namespace covey::state
