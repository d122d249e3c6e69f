#include "core/engine/group_step.h"

// DurableGroup: the stop of its daemon.

namespace covey {

using state::CommandKind;

Error RefusedByStop() {
  return {.code = ErrorCode::kUnavailable,
          .reason = "SHUTTING_DOWN",
          .message = "the daemon is stopping: try again when it has been started again"};
}

void DurableGroup::BeginStop(bool suspend) {
  MutexLock lock(mutex_);
  refusing_ = true;
  if (suspend && !spec_->attached) attempts_.Suspend();
}

void DurableGroup::Interrupt() {
  Step step(this);
  if (ledger_.log().pending() == 0) return step.Finish();  // it has not been made yet
  if (spec_->attached && !std::exchange(interrupted_, true)) {
    FactLocked({.command = {.kind = CommandKind::kCancel},
                .failure = Share({.kind = FailureKind::kCancelled, .message = "the daemon is stopping"})},
               step.effects());
  }
  attempts_.Interrupt(
      Share({.kind = FailureKind::kLost, .message = "the daemon was stopped while it ran"}),
      [this](uint32_t task) COVEY_NO_TSA { return OutlivesDaemonLocked(task); }, step.effects());
  step.Finish();
}

// One whose spec is still being read has not been launched.
bool DurableGroup::OutlivesDaemonLocked(uint32_t task) const {
  const std::shared_ptr<const TaskSpec>& spec = ledger_.tasks()[task].spec;
  return spec != nullptr && environment_->executors.For(*spec).outlives_daemon();
}

bool DurableGroup::quiet() const {
  MutexLock lock(mutex_);
  for (const auto& [task, attempt] : attempts_.all()) {
    if (!OutlivesDaemonLocked(task)) return false;
  }
  const GroupLog& log = ledger_.log();
  // What cannot be written is found out at the next start, as after a crash.
  if (log.stopped() || log.fenced() || ledger_.standing().committed().completed) return true;
  return log.idle() && !spec_->attached;
}

}  // namespace covey
