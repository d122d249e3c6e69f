#include "core/state/group_state.h"

namespace covey::state {

using Phase = TaskState::Phase;

namespace {

// One decision: the group before it, seen through the events emitted so far.
class Decision {
 public:
  Decision(const GroupState& group, EventBuffer& out) : group_(group), out_(out) {}

  const GroupState& group() const { return group_; }
  void Arm() { group_.armed = true; }

  void Emit(const Event& event) {
    out_.Add(event);
    Apply(group_, event);
  }

  // The outcome, and word of the stop to what still runs.
  void Settle(Outcome outcome, FailureKind failure, int32_t code, uint32_t task, uint32_t attempt) {
    const bool stops = group_.unfinished() > 0;
    Emit({.kind = EventKind::kGroupDecided,
          .outcome = outcome,
          .failure = failure,
          .task = task,
          .attempt = attempt,
          .code = code,
          .count = group_.queued});
    if (stops) {
      Emit({.kind = EventKind::kCancelRequested,
            .failure = failure == FailureKind::kTimeout ? FailureKind::kTimeout : FailureKind::kCancelled});
    }
  }

  // What follows once nothing is left to do.
  void CompleteIfIdle() {
    if (!group_.decided && group_.unfinished() == 0 && (group_.sealed || group_.armed)) {
      if (!group_.sealed) Emit({.kind = EventKind::kGroupSealed});
      if (Succeeds()) {
        Settle(Outcome::kSucceeded, FailureKind::kNone, 0, kNoTask, 0);
      } else {
        Settle(Outcome::kFailed, FailureKind::kError, 0, group_.first_failed, 0);
      }
    }
    if (group_.decided && group_.running == 0 && !group_.completed) {
      Emit({.kind = EventKind::kGroupCompleted, .outcome = group_.outcome});
    }
  }

 private:
  // Of a group in which everything has ended and nothing was decisive.
  bool Succeeds() const {
    switch (group_.policy) {
      case Policy::kAll:
        return true;
      case Policy::kAllSettled:
        return group_.failed == 0;
      case Policy::kAny:
        return false;  // a success would have decided
    }
    return false;
  }

  GroupState group_;
  EventBuffer& out_;
};

// `task` is over. A group that is decided already only takes note.
void Exit(Decision& decision, const TaskState& task, const Command& command) {
  const bool decided = decision.group().decided;
  Event exited{.kind = EventKind::kTaskExited,
               .result = command.result,
               .failure = command.failure,
               .task = command.task,
               .attempt = task.attempt,
               .code = command.code,
               .count = task.phase == Phase::kQueued ? 1u : 0u};
  if (command.result == Ending::kFailed) {
    if (decided) {
      exited.result = Ending::kStopped;
    } else if (task.cancel != FailureKind::kNone) {
      exited.failure = task.cancel;  // it ended because it was told to
    }
  }
  decision.Emit(exited);
  if (task.cancel_delivered || task.cancel_killed) {
    decision.Emit({.kind = EventKind::kCancelGone, .task = command.task, .attempt = task.attempt});
  }
  const GroupState& group = decision.group();
  if (!decided && exited.result == Ending::kFailed && group.policy == Policy::kAll &&
      group.failed > group.max_failures) {
    decision.Settle(Outcome::kFailed, exited.failure, exited.code, command.task, task.attempt);
  } else if (!decided && exited.result == Ending::kSucceeded && group.policy == Policy::kAny) {
    decision.Settle(Outcome::kSucceeded, FailureKind::kNone, 0, command.task, task.attempt);
  }
}

}  // namespace

std::string_view Name(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNone:
      return "none";
    case Refusal::kSealed:
      return "the group is sealed";
    case Refusal::kDecided:
      return "the group's outcome is decided";
    case Refusal::kNotQueued:
      return "the task is not queued";
    case Refusal::kStale:
      return "the attempt is over";
    case Refusal::kFull:
      return "the group holds as many tasks as it can";
  }
  return "unknown";
}

Refusal Decide(const GroupState& group, const TaskState& task, const Command& command, EventBuffer& out) {
  Decision decision(group, out);
  const bool current = task.phase == Phase::kRunning && task.attempt == command.attempt;
  switch (command.kind) {
    case CommandKind::kSubmit:
      if (group.decided) return Refusal::kDecided;
      if (group.sealed) return Refusal::kSealed;
      if (group.submitted == kNoTask) return Refusal::kFull;
      decision.Emit({.kind = EventKind::kTaskSubmitted, .task = group.submitted});
      return Refusal::kNone;

    case CommandKind::kStart:
      if (group.decided) return Refusal::kDecided;
      if (task.phase != Phase::kQueued) return Refusal::kNotQueued;
      decision.Emit({.kind = EventKind::kTaskStarted, .task = command.task, .attempt = task.attempt + 1});
      return Refusal::kNone;

    case CommandKind::kExit:
      if (!current) return Refusal::kStale;
      Exit(decision, task, command);
      break;

    case CommandKind::kRequeue:
      if (!current) return Refusal::kStale;
      if (group.decided || task.cancel != FailureKind::kNone) {
        Command lost = command;
        lost.result = Ending::kFailed;
        Exit(decision, task, lost);
        break;
      }
      decision.Emit({.kind = EventKind::kTaskExited,
                     .result = Ending::kNone,
                     .failure = command.failure,
                     .task = command.task,
                     .attempt = task.attempt,
                     .code = command.code});
      break;

    case CommandKind::kCancelTask:
      if (task.phase == Phase::kEnded || task.cancel != FailureKind::kNone || group.decided)
        return Refusal::kNone;
      decision.Emit({.kind = EventKind::kCancelRequested, .failure = command.failure, .task = command.task});
      if (task.phase == Phase::kQueued) {
        Exit(decision, task,
             {.kind = CommandKind::kExit,
              .result = Ending::kFailed,
              .failure = command.failure,
              .task = command.task});
      }
      break;

    case CommandKind::kDelivered:
      if (!current) return Refusal::kStale;
      if (!task.cancel_delivered) {
        decision.Emit({.kind = EventKind::kCancelDelivered,
                       .task = command.task,
                       .attempt = task.attempt,
                       .code = command.code});
      }
      return Refusal::kNone;

    case CommandKind::kKilled:
      if (!current) return Refusal::kStale;
      // Without a cancel it was the rest of a tree whose root ended by itself: no news of a cancel.
      if (!task.cancel_killed && (group.decided || task.cancel != FailureKind::kNone)) {
        decision.Emit({.kind = EventKind::kCancelKilled, .task = command.task, .attempt = task.attempt});
      }
      return Refusal::kNone;

    case CommandKind::kCancel:
      if (!group.decided) decision.Settle(Outcome::kCancelled, FailureKind::kCancelled, 0, kNoTask, 0);
      break;

    case CommandKind::kExpire:
      if (!group.decided) decision.Settle(Outcome::kFailed, FailureKind::kTimeout, 0, kNoTask, 0);
      break;

    case CommandKind::kSeal:
      if (!group.sealed && !group.decided) decision.Emit({.kind = EventKind::kGroupSealed});
      break;

    case CommandKind::kArm:
      decision.Arm();
      break;
  }
  decision.CompleteIfIdle();
  return Refusal::kNone;
}

void Apply(GroupState& group, const Event& event) {
  switch (event.kind) {
    case EventKind::kTaskSubmitted:
      ++group.submitted;
      ++group.queued;
      break;
    case EventKind::kTaskStarted:
      --group.queued;
      ++group.running;
      break;
    case EventKind::kTaskExited:
      --(event.count == 1 ? group.queued : group.running);
      switch (event.result) {
        case Ending::kNone:
          ++group.queued;
          break;
        case Ending::kSucceeded:
          ++group.succeeded;
          break;
        case Ending::kStopped:
          ++group.stopped;
          break;
        case Ending::kFailed:
          if (group.failed++ == 0) group.first_failed = event.task;
          break;
      }
      break;
    case EventKind::kGroupSealed:
      group.sealed = true;
      break;
    case EventKind::kGroupDecided:
      group.decided = true;
      group.outcome = event.outcome;
      group.failure = event.failure;
      group.code = event.code;
      group.decider = event.task;
      group.decider_attempt = event.attempt;
      group.stopped += group.queued;
      group.queued = 0;
      break;
    case EventKind::kGroupCompleted:
      group.completed = true;
      break;
    case EventKind::kGroupCreated:
    case EventKind::kCancelRequested:
    case EventKind::kCancelDelivered:
    case EventKind::kCancelKilled:
    case EventKind::kCancelGone:
      break;
  }
}

}  // namespace covey::state
