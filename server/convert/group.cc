#include "server/convert/convert.h"

namespace covey {

v1::GroupState ToProto(GroupPhase phase) {
  switch (phase) {
    case GroupPhase::kRunning:
      return v1::GROUP_STATE_RUNNING;
    case GroupPhase::kStopping:
      return v1::GROUP_STATE_STOPPING;
    case GroupPhase::kSucceeded:
      return v1::GROUP_STATE_SUCCEEDED;
    case GroupPhase::kFailed:
      return v1::GROUP_STATE_FAILED;
    case GroupPhase::kCancelled:
      return v1::GROUP_STATE_CANCELLED;
  }
  return v1::GROUP_STATE_UNSPECIFIED;
}

GroupPhase ToCore(v1::GroupState state) {
  switch (state) {
    case v1::GROUP_STATE_STOPPING:
      return GroupPhase::kStopping;
    case v1::GROUP_STATE_SUCCEEDED:
      return GroupPhase::kSucceeded;
    case v1::GROUP_STATE_FAILED:
      return GroupPhase::kFailed;
    case v1::GROUP_STATE_CANCELLED:
      return GroupPhase::kCancelled;
    default:
      return GroupPhase::kRunning;
  }
}

v1::Group ToProto(const GroupSummary& group, View view) {
  const state::GroupState& state = group.state;
  v1::Group out;
  if (group.spec != nullptr) {
    out.set_id(group.spec->id);
    *out.mutable_spec() = ToProto(*group.spec, view);
    out.set_attached(group.spec->attached);
  }
  out.set_state(ToProto(PhaseOf(state)));
  out.set_sealed(state.sealed || state.decided);
  v1::TaskCounts& tasks = *out.mutable_tasks();
  tasks.set_submitted(state.submitted);
  tasks.set_queued(state.queued);
  tasks.set_running(state.running);
  tasks.set_succeeded(state.succeeded);
  tasks.set_failed(state.failed);
  tasks.set_stopped(state.stopped);
  if (group.failure != nullptr) *out.mutable_failure() = ToProto(*group.failure);
  *out.mutable_create_time() = ToProto(group.created);
  if (state.decided) *out.mutable_decide_time() = ToProto(group.decided);
  if (state.completed) *out.mutable_end_time() = ToProto(group.completed);
  out.set_last_event(group.last_number);
  if (group.first_task != nullptr) out.set_command(CommandText(*group.first_task));
  return out;
}

v1::Group ToProto(const DamagedGroup& group) {
  v1::Group out;
  out.set_id(group.group);
  *out.mutable_failure() = ToProto(Failure{.kind = FailureKind::kLost, .message = group.error.message});
  return out;
}

v1::GroupResult ToProto(const GroupEnd& end) {
  v1::GroupResult out;
  *out.mutable_group() = ToProto(end.group);
  if (end.group.first_failure != nullptr) *out.mutable_first_failure() = ToProto(*end.group.first_failure);
  for (const auto& failure : end.failures) *out.add_failures() = ToProto(*failure);
  return out;
}

}  // namespace covey
