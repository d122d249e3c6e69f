#include <algorithm>
#include <utility>

#include "core/engine/group_step.h"

// DurableGroup: tasks that have ended and are left to the journal, and what then must be looked up there.

namespace covey {

Error TaskNotFound(const std::string& group, const std::string& task) {
  return {.code = ErrorCode::kNotFound,
          .reason = "TASK_NOT_FOUND",
          .message = "group " + group + " has no task " + task};
}

// -------------------------------------------------------------------------------------------------------------
// Folding

void DurableGroup::FoldLocked(Effects& effects) {
  const TaskTable& tasks = ledger_.tasks();
  fold_at_ = std::max(fold_at_, environment_->fold_after);
  if (folding_ || refusing_ || tasks.ended() < fold_at_ || ledger_.log().fenced() || damage_ ||
      ledger_.standing().committed().decided) {
    return;
  }
  const uint32_t point = tasks.FoldPoint();
  if (point == tasks.folded()) {
    fold_at_ = 2 * tasks.ended();  // what has not ended is in the way
    return;
  }
  Snapshot stored;
  auto snapshot = std::make_shared<const GroupSnapshot>(ledger_.MakeSnapshot(point, &stored));
  effects.fold = Effects::Fold{
      .snapshot = std::move(snapshot), .stored = std::move(stored), .epoch = ledger_.log().epoch()};
  folding_ = true;
}

void DurableGroup::PutSnapshot(Effects::Fold fold) {
  environment_->journal->PutSnapshot(id(), fold.epoch, std::move(fold.stored),
                                     [self = shared_from_this(), snapshot = std::move(fold.snapshot)](
                                         const Result<Void>& put) { self->OnSnapshot(*snapshot, put.ok()); });
}

void DurableGroup::OnSnapshot(const GroupSnapshot& snapshot, bool put) {
  MutexLock lock(mutex_);
  folding_ = false;
  // A journal that refuses it is asked again once as many more have ended.
  fold_at_ = put ? environment_->fold_after : ledger_.tasks().ended() + environment_->fold_after;
  if (!put || refusing_) return;  // whoever stops looks at how tasks ended
  ledger_.tasks().Fold(snapshot);
  HoldMemoryLocked();
}

void DurableGroup::Restore(const GroupSnapshot& snapshot) {
  MutexLock lock(mutex_);
  ledger_.Restore(snapshot);
}

void DurableGroup::RestoreOver(const GroupSummary& group, std::shared_ptr<const RequestMark> creation,
                               std::shared_ptr<const Record> decision) {
  MutexLock lock(mutex_);
  ledger_.RestoreOver(group, std::move(creation), std::move(decision));
  outlined_ = true;
}

uint32_t DurableGroup::folded() const {
  MutexLock lock(mutex_);
  return ledger_.tasks().folded();
}

FoldedTasks DurableGroup::Folded(uint32_t first) const {
  MutexLock lock(mutex_);
  const TaskTable& tasks = ledger_.tasks();
  FoldedTasks folded{
      .group = ledger_.View(), .end = tasks.folded(), .open = tasks.OpenIn(first, tasks.folded())};
  for (const Milestone& milestone : tasks.milestones()) {
    if (milestone.task > first) break;
    folded.from = milestone.event;
  }
  return folded;
}

// -------------------------------------------------------------------------------------------------------------
// Submits

std::vector<Mark> DurableGroup::MarksToFindLocked(const Submission& submission) const {
  std::vector<Mark> marks;
  const std::string& request = submission.request.id;
  if (!request.empty() && ledger_.tasks().FindRequest(request) == nullptr)
    marks.push_back({.kind = Mark::Kind::kRequest, .key = request});
  for (const TaskSpec& task : submission.tasks) {
    if (!task.name.empty()) marks.push_back({.kind = Mark::Kind::kTaskName, .key = task.name});
  }
  return marks;
}

void DurableGroup::LookUp(Submission submission, std::vector<Mark> marks, SubmitDone done) {
  environment_->journal->FindMarks(id(), std::move(marks),
                                   [self = shared_from_this(), submission = std::move(submission),
                                    done = std::move(done)](Result<std::vector<Mark>> found) mutable {
                                     if (!found.ok()) return done(found.error());
                                     submission.found = std::move(found.value());
                                     self->Submit(std::move(submission), std::move(done));
                                   });
}

std::optional<TaskTable::Request> DurableGroup::FindRequestLocked(const Submission& submission) const {
  const RequestMark& request = submission.request;
  if (const TaskTable::Request* known = ledger_.tasks().FindRequest(request.id)) return *known;
  for (const Mark& mark : submission.found) {
    if (mark.kind != Mark::Kind::kRequest) continue;
    return TaskTable::Request{.mark = {.id = mark.key, .fingerprint = mark.fingerprint, .count = mark.count},
                              .first = mark.first};
  }
  return std::nullopt;
}

}  // namespace covey
