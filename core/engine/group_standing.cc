#include "core/engine/group_standing.h"

#include <utility>

namespace covey {

using state::EventKind;

GroupStanding::GroupStanding(const GroupSpec& spec) {
  pending_.policy = committed_.policy = spec.policy;
  pending_.max_failures = committed_.max_failures = spec.max_failures;
}

void GroupStanding::Decided(const Record& record) {
  Apply(pending_, record.event);
  switch (record.event.kind) {
    case EventKind::kGroupCreated:
      created_ = record.time;
      creation_ = record.request;
      break;
    case EventKind::kGroupDecided:
      decided_ = record.time;
      failure_ = record.failure;
      break;
    case EventKind::kGroupCompleted:
      completed_ = record.time;
      break;
    case EventKind::kTaskExited:
      if (record.output != nullptr) pending_output_ += KeptBytes(*record.output);
      break;
    default:
      break;
  }
}

void GroupStanding::Commit(const Record& record) {
  Apply(committed_, record.event);
  if (record.event.kind == EventKind::kGroupDecided) decided_number_ = record.number;
  if (record.output != nullptr) committed_output_ += KeptBytes(*record.output);
}

void GroupStanding::RollBack() {
  pending_ = committed_;
  pending_output_ = committed_output_;
  if (!committed_.decided) {
    decided_ = {};
    failure_ = nullptr;
  }
  if (!committed_.completed) completed_ = {};
}

void GroupStanding::FillSnapshot(GroupSnapshot* snapshot) const {
  snapshot->state = committed_;
  snapshot->created = created_;
  snapshot->output_bytes = committed_output_;
  snapshot->creation = creation_;
}

void GroupStanding::Restore(const GroupSnapshot& snapshot) {
  state::GroupState state = snapshot.state;
  state.policy = committed_.policy;
  state.max_failures = committed_.max_failures;
  state.armed = false;
  pending_ = committed_ = state;
  created_ = snapshot.created;
  pending_output_ = committed_output_ = snapshot.output_bytes;
  creation_ = snapshot.creation;
}

void GroupStanding::RestoreOver(const GroupSummary& group, std::shared_ptr<const RequestMark> creation,
                                std::shared_ptr<const Record> decision) {
  pending_ = committed_ = group.state;
  created_ = group.created;
  decided_ = group.decided;
  completed_ = group.completed;
  pending_output_ = committed_output_ = group.output_bytes;
  failure_ = group.failure;
  creation_ = std::move(creation);
  if (decision == nullptr) return;
  decided_number_ = decision->number;
  pending_.decider = committed_.decider = decision->event.task;
  pending_.decider_attempt = committed_.decider_attempt = decision->event.attempt;
}

GroupSummary GroupStanding::View(std::shared_ptr<const GroupSpec> spec, const state::GroupState& state,
                                 uint64_t number, std::shared_ptr<const Failure> first_failure) const {
  GroupSummary view{.spec = std::move(spec),
                    .state = state,
                    .first_failure = std::move(first_failure),
                    .created = created_,
                    .last_number = number,
                    .output_bytes = pending_output_};
  if (state.decided) {
    view.decided = decided_;
    view.failure = failure_;
  }
  if (state.completed) view.completed = completed_;
  return view;
}

}  // namespace covey
