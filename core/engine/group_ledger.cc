#include "core/engine/group_ledger.h"

#include <utility>

#include "core/base/plural.h"

namespace covey {
namespace {

Error Damaged(const std::string& group, const std::string& what) {
  return {
      .code = ErrorCode::kDataLoss, .reason = "JOURNAL_DAMAGED", .message = "group " + group + ": " + what};
}

}  // namespace

using state::Event;
using state::EventKind;
using state::Policy;
using state::Refusal;

std::shared_ptr<const Failure> Share(Failure failure) {
  return std::make_shared<const Failure>(Bounded(std::move(failure)));
}

std::shared_ptr<const Failure> Won() {
  return Share({.kind = FailureKind::kCancelled, .message = "another task of the group has succeeded"});
}

Error EventsMissing(const std::string& group, uint64_t first, uint64_t last) {
  return Damaged(
      group, (first == last ? "event " + std::to_string(first) + " is"
                            : "events " + std::to_string(first) + " to " + std::to_string(last) + " are") +
                 " missing in the journal");
}

GroupLedger::GroupLedger(std::shared_ptr<const GroupSpec> spec, uint64_t epoch)
    : spec_(std::move(spec)), standing_(*spec_), log_(spec_->id, epoch) {}

Budget::Amount GroupLedger::queued() const {
  // A decision stops what waits; one that is another owner's now waits there.
  if (standing_.pending().decided || log_.fenced()) return {};
  return tasks_.queued();
}

std::optional<Error> GroupLedger::CheckSubmit(std::span<const TaskSpec> tasks) const {
  if (tasks.empty()) return std::nullopt;
  const state::GroupState& pending = standing_.pending();
  if (pending.decided) {
    return Error{.code = ErrorCode::kFailedPrecondition,
                 .reason = "GROUP_DECIDED",
                 .message = "group " + spec_->id + " accepts no tasks: its outcome is decided"};
  }
  if (pending.sealed) {
    return Error{.code = ErrorCode::kFailedPrecondition,
                 .reason = "GROUP_SEALED",
                 .message = "group " + spec_->id + " accepts no tasks: it is sealed"};
  }
  if (tasks.size() > state::kNoTask - pending.submitted) {
    return Error{.code = ErrorCode::kResourceExhausted,
                 .reason = "GROUP_FULL",
                 .message = "group " + spec_->id + " holds as many tasks as it can"};
  }
  return tasks_.CheckNames(tasks);
}

// -------------------------------------------------------------------------------------------------------------
// Decisions

Record GroupLedger::MakeRecord(const Event& event, WallTime at) const {
  Record record{.time = at, .event = event};
  if (event.task != state::kNoTask && tasks_[event.task].name != nullptr)
    record.task_name = *tasks_[event.task].name;
  return record;
}

void GroupLedger::Add(Record record) {
  standing_.Decided(record);
  if (AboutTask(record.event)) tasks_.Decided(record.event);
  log_.Add(std::move(record));
}

void GroupLedger::Create(std::shared_ptr<const RequestMark> request, WallTime now) {
  Record created = MakeRecord({.kind = EventKind::kGroupCreated}, now);
  created.group = spec_;
  created.request = std::move(request);
  Add(std::move(created));
}

void GroupLedger::Submit(std::shared_ptr<const TaskSpec> task, std::shared_ptr<const RequestMark> request,
                         WallTime now) {
  state::EventBuffer events;
  const Refusal refusal =
      state::Decide(standing_.pending(), {}, {.kind = state::CommandKind::kSubmit}, events);
  COVEY_CHECK(refusal == Refusal::kNone && events.size() == 1);
  tasks_.Add(task);
  Record record = MakeRecord(events[0], now);
  record.task = std::move(task);
  record.request = std::move(request);
  Add(std::move(record));
}

Refusal GroupLedger::Decide(const Fact& fact) {
  state::EventBuffer events;
  const uint32_t task = fact.command.task;
  const Refusal refusal =
      state::Decide(standing_.pending(), task == state::kNoTask ? state::TaskState{} : tasks_[task].pending,
                    fact.command, events);
  for (const Event& event : events) {
    Record record = MakeRecord(event, fact.at);
    switch (event.kind) {
      case EventKind::kTaskExited:
        record.failure = fact.failure;
        record.result = fact.result;
        record.output = fact.output;
        break;
      case EventKind::kGroupDecided:
        if (event.failure == FailureKind::kNone) break;
        // Tolerated failures that fail the group at its end have no one failure that says so.
        record.failure = event.failure == FailureKind::kError && standing_.pending().policy != Policy::kAll
                             ? SummedUp(fact.failure)
                             : fact.failure;
        break;
      case EventKind::kCancelRequested:
        if (event.task != state::kNoTask) {
          record.failure = fact.failure;
        } else {
          record.failure = standing_.failure() != nullptr ? standing_.failure() : Won();
        }
        break;
      default:
        break;
    }
    Add(std::move(record));
  }
  return refusal;
}

std::shared_ptr<const Failure> GroupLedger::SummedUp(const std::shared_ptr<const Failure>& last) const {
  Failure failure{.kind = FailureKind::kError};
  const state::GroupState& pending = standing_.pending();
  std::shared_ptr<const Failure> first = FirstFailure(pending);
  if (first == nullptr) first = last;
  if (pending.submitted == 0) {
    failure.message = "no tasks";
  } else if (pending.policy == Policy::kAny) {
    failure.message = "no task succeeded";
  } else {
    failure.message = std::to_string(pending.failed) + " of " + Plural(pending.submitted, "task") + " failed";
  }
  if (first != nullptr) {
    failure.message += "; first " + Status(*first).ToString();
    failure.detail = first->detail;
    failure.task = first->task;
    failure.attempt = first->attempt;
  }
  return Share(std::move(failure));
}

std::shared_ptr<const Failure> GroupLedger::FirstFailure(const state::GroupState& group) const {
  if (group.first_failed == state::kNoTask) return nullptr;
  if (!tasks_.failures().empty()) return tasks_.failures().front();
  std::shared_ptr<const Failure> found;
  log_.VisitPending([&](const Record& record) {
    if (record.event.kind != EventKind::kTaskExited || record.event.task != group.first_failed) return false;
    found = record.failure;
    return true;
  });
  return found;
}

std::optional<std::function<void()>> GroupLedger::Close(GroupLog::Reply reply) {
  if (log_.listing_changes()) log_.SetSummary(ViewOf(standing_.pending(), log_.pending()));
  return log_.Close(std::move(reply));
}

// -------------------------------------------------------------------------------------------------------------
// What became of them

void GroupLedger::Commit(const Batch& batch) {
  for (const Record& record : batch.records()) {
    standing_.Commit(record);
    if (AboutTask(record.event)) tasks_.Commit(record);
  }
}

std::vector<GroupLog::Entry> GroupLedger::RollBack() {
  std::vector<GroupLog::Entry> lost = log_.TakeLost();
  const uint32_t kept = standing_.committed().submitted;
  for (const GroupLog::Entry& entry : lost) {
    for (const Record& record : entry.batch->records()) {
      if (AboutTask(record.event) && record.event.task < kept) tasks_.RollBack(record.event.task);
    }
  }
  tasks_.Truncate(kept);
  standing_.RollBack();
  return lost;
}

std::optional<Error> GroupLedger::CheckFollows(const Record& record) const {
  const Event& event = record.event;
  const bool submits = event.kind == EventKind::kTaskSubmitted;
  const bool follows = record.number == log_.committed() + 1 && !standing_.committed().completed &&
                       (submits ? event.task == tasks_.size() && record.task != nullptr
                                : !AboutTask(event) || (event.task < tasks_.size() &&
                                                        Follows(tasks_[event.task].committed, event)));
  if (follows) return std::nullopt;
  return Damaged(spec_->id, "event " + std::to_string(record.number) + " does not follow from event " +
                                std::to_string(log_.committed()));
}

// `told`: the group as a whole has it already.
void GroupLedger::FoldTask(const Record& record, bool told) {
  const Event& event = record.event;
  if (event.kind == EventKind::kTaskSubmitted) {
    if (record.request != nullptr) tasks_.Remember(*record.request, event.task);
    tasks_.Add(record.task);
  }
  tasks_.Decided(event);
  tasks_.Commit(record, told);
}

std::optional<Error> GroupLedger::Fold(const Batch& batch) {
  for (const Record& record : batch.records()) {
    const Event& event = record.event;
    const bool told = record.number <= restored_;
    if (told && AboutTask(event) && event.task < tasks_.folded()) {
      if (record.number != log_.committed() + 1)
        return Damaged(spec_->id, "event " + std::to_string(record.number) + " is not where it was");
      log_.Fold(record.number);
      continue;
    }
    if (auto error = CheckFollows(record)) return error;
    if (!told) standing_.Decided(record);
    if (AboutTask(event)) FoldTask(record, told);
    log_.Fold(record.number);
    if (!told) standing_.Commit(record);
    if (event.kind == EventKind::kGroupDecided) tasks_.LeaveQueuedSpecs();  // they never start
  }
  return std::nullopt;
}

GroupSnapshot GroupLedger::MakeSnapshot(uint32_t fold, Snapshot* stored) const {
  GroupSnapshot snapshot{.number = log_.committed()};
  standing_.FillSnapshot(&snapshot);
  tasks_.FillSnapshot(fold, &snapshot, stored);
  stored->number = snapshot.number;
  stored->bytes = Encode(snapshot);
  return snapshot;
}

void GroupLedger::RestoreOver(const GroupSummary& group, std::shared_ptr<const RequestMark> creation,
                              std::shared_ptr<const Record> decision) {
  log_.BeginBehind(group.last_number);
  standing_.RestoreOver(group, std::move(creation), std::move(decision));
  tasks_.RestoreOver(group);
}

void GroupLedger::Restore(const GroupSnapshot& snapshot) {
  restored_ = snapshot.number;
  log_.BeginBehind(snapshot.next_event - 1);
  standing_.Restore(snapshot);
  tasks_.Restore(snapshot);
}

// -------------------------------------------------------------------------------------------------------------
// Reads

GroupSummary GroupLedger::ViewOf(const state::GroupState& state, uint64_t number) const {
  GroupSummary view = standing_.View(spec_, state, number, FirstFailure(state));
  if (state.submitted > 0) view.first_task = tasks_.first();
  return view;
}

GroupSummary GroupLedger::View() const { return ViewOf(standing_.committed(), log_.committed()); }

GroupEnd GroupLedger::End() const { return {.group = View(), .failures = tasks_.failures()}; }

}  // namespace covey
