#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/engine/group_log.h"
#include "core/engine/group_standing.h"
#include "core/engine/task_table.h"
#include "core/engine/view.h"

namespace covey {

// What is known of one group: how it stands, its tasks, and the log of both. A decision changes the pending
// side and becomes records; a commit brings the committed side up to them; a roll-back takes the pending side
// back. Knows neither slots nor executors.
//
// Not thread-safe: guarded by the lock of its group.
//
// Invariant: pending is committed with the records applied that are in flight or being built.
class GroupLedger {
 public:
  // `epoch`: of the ownership under which it writes.
  GroupLedger(std::shared_ptr<const GroupSpec> spec, uint64_t epoch);

  const GroupSpec& spec() const { return *spec_; }
  const GroupStanding& standing() const { return standing_; }
  const TaskTable& tasks() const { return tasks_; }
  TaskTable& tasks() { return tasks_; }
  GroupLog& log() { return log_; }
  const GroupLog& log() const { return log_; }

  // What of its tasks waits for a slot, as far as it is decided.
  Budget::Amount queued() const;
  // Why these tasks cannot be added.
  std::optional<Error> CheckSubmit(std::span<const TaskSpec> tasks) const;

  // The first record. `request` null: the request had no id.
  void Create(std::shared_ptr<const RequestMark> request, WallTime now);
  // One task more: Requires that CheckSubmit allows it.
  void Submit(std::shared_ptr<const TaskSpec> task, std::shared_ptr<const RequestMark> request, WallTime now);
  void Remember(RequestMark mark, uint32_t first) { tasks_.Remember(std::move(mark), first); }
  void SetArmed(bool armed) { standing_.SetArmed(armed); }
  // Decides a command at fact.at: records, applied to the pending side, or a refusal.
  state::Refusal Decide(const Fact& fact);

  // Puts what was decided in flight, with what the listing is to say.
  std::optional<std::function<void()>> Close(GroupLog::Reply reply);

  void Commit(const Batch& batch);
  // Takes pending back to committed, and answers what was lost.
  std::vector<GroupLog::Entry> RollBack();
  // Records from the journal that follow what is committed; nothing may be pending. An error when they do not
  // follow: the log is damaged.
  std::optional<Error> Fold(const Batch& batch);

  // How it stands, durably, with the tasks folded up to `fold`; `stored` is what the journal keeps then. Requires that it is
  // not decided.
  GroupSnapshot MakeSnapshot(uint32_t fold, Snapshot* stored) const;
  // Before all else: as it was then. Events are to be folded from snapshot.next_event on.
  void Restore(const GroupSnapshot& snapshot);
  // As a group ended, with all that is of its tasks left to the journal; nothing is folded then.
  void RestoreOver(const GroupSummary& group, std::shared_ptr<const RequestMark> creation,
                   std::shared_ptr<const Record> decision);

  // As committed.
  GroupSummary View() const;
  GroupEnd End() const;

 private:
  GroupSummary ViewOf(const state::GroupState& state, uint64_t number) const;
  Record MakeRecord(const state::Event& event, WallTime at) const;
  void Add(Record record);
  // The failure of the first task that failed in `group`, which is pending or committed.
  std::shared_ptr<const Failure> FirstFailure(const state::GroupState& group) const;
  // The failure of a group that ran to its end. `last`: of the task that ended now, if it failed.
  std::shared_ptr<const Failure> SummedUp(const std::shared_ptr<const Failure>& last) const;
  std::optional<Error> CheckFollows(const Record& record) const;
  void FoldTask(const Record& record, bool told);

  const std::shared_ptr<const GroupSpec> spec_;
  GroupStanding standing_;
  TaskTable tasks_;
  GroupLog log_;
  uint64_t restored_ =
      0;  // the snapshot that it began with has what the events up to this one tell of the group
};

// A failure as it is kept: within its bounds.
std::shared_ptr<const Failure> Share(Failure failure);

// kDataLoss: the journal lists a group up to event `last`, and does not hold these.
Error EventsMissing(const std::string& group, uint64_t first, uint64_t last);

// The cause of stopping what runs when its group was decided without a failure.
std::shared_ptr<const Failure> Won();

}  // namespace covey
