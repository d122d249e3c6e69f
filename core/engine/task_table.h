#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/engine/group_snapshot.h"
#include "core/engine/view.h"
#include "core/journal/journal.h"
#include "core/run/budget.h"
#include "core/state/group_state.h"

namespace covey {

// The tasks of one group: what was submitted, under which names and requests, and how each stands as far as
// it is decided (pending) and as far as it is durable (committed).
//
// What the journal holds need not be in memory as well: specs of tasks that have ended or wait far behind, and
// results and failures that are large. Whoever asks for them reads the event that has them. Nor need a task that has
// ended: once the table is folded those before folded() are here only while they have not.
//
// Not thread-safe: guarded by the lock of its group. Indexes are those of state::Event::task.
//
// Invariant: the spec of a task that is not durable yet, or has been launched and has not ended, is in memory.
class TaskTable {
 public:
  // How a task has ended.
  struct Ending {
    std::shared_ptr<const Failure> failure;  // without its detail when that is left out
    std::shared_ptr<const Payload> result;
    std::shared_ptr<const OutputSizes> output;
    WallTime at{};
    uint64_t number = 0;    // of the event
    bool left_out = false;  // of failure or result something is in that event alone
  };
  struct Entry {
    std::shared_ptr<const TaskSpec> spec;  // null: in event `number` alone
    std::unique_ptr<const Ending> ending;  // null: it has not ended
    const std::string* name = nullptr;     // null: it has none but its index
    uint64_t number = 0;                   // of the event of its submission; 0: not durable yet
    WallTime submitted{};
    WallTime started{};
    state::TaskState pending;
    state::TaskState committed;
    uint32_t spec_bytes = 0;
    uint8_t work_kind = 0;  // index of TaskWork
    bool rerun_on_restart = false;

    std::shared_ptr<const Failure> failure() const { return ending == nullptr ? nullptr : ending->failure; }
    WallTime ended() const { return ending == nullptr ? WallTime{} : ending->at; }
    uint64_t ended_number() const { return ending == nullptr ? 0 : ending->number; }
  };
  struct Request {
    RequestMark mark;
    uint32_t first = 0;  // of the tasks that it added
  };

  // What of them waits for a slot, as far as it is decided.
  Budget::Amount queued() const { return queued_; }

  uint32_t size() const { return folded_ + static_cast<uint32_t>(entries_.size()); }
  // Of a task that is not in memory: that it has ended.
  const Entry& operator[](uint32_t task) const {
    return task >= folded_ ? entries_[task - folded_] : BeforeFold(task);
  }
  bool Has(uint32_t task) const { return task < size() && (task >= folded_ || open_.contains(task)); }
  // Calls `visit` with the index of each task that is in memory, in order.
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    for (const auto& [task, entry] : open_) visit(task);
    for (uint32_t task = folded_; task < size(); ++task) visit(task);
  }

  // Tasks before this one that have ended are in the journal alone.
  uint32_t folded() const { return folded_; }
  // Those that have ended, durably, and are in memory.
  size_t ended() const { return ended_; }
  const std::vector<Milestone>& milestones() const { return milestones_; }
  // The indexes before folded() from `first` to before `end` of those that have not ended.
  std::vector<uint32_t> OpenIn(uint32_t first, uint32_t end) const;
  // How far a fold should go, so that most of those before it have ended; folded(): it is not worth it.
  uint32_t FoldPoint() const;
  // What a snapshot keeps of the tasks for a fold up to `fold`; into `stored` the marks and the blocks of what then leaves
  // memory.
  void FillSnapshot(uint32_t fold, GroupSnapshot* snapshot, Snapshot* stored) const;
  // Forgets what that snapshot and the journal hold.
  void Fold(const GroupSnapshot& snapshot);
  // Of an empty table: as that snapshot says. The tasks behind it are to be added.
  void Restore(const GroupSnapshot& snapshot);
  // The same of a group that is over, all of whose tasks are in the journal alone. Of its failures only the first is here.
  void RestoreOver(const GroupSummary& group);

  // kInvalidArgument: which of these cannot have its name.
  std::optional<Error> CheckNames(std::span<const TaskSpec> more) const;
  // The same of names that are in the journal alone.
  static std::optional<Error> NameTaken(std::span<const TaskSpec> more, std::span<const Mark> found);
  void Add(std::shared_ptr<const TaskSpec> spec);
  // Forgets the newest: they never became durable.
  void Truncate(uint32_t size);

  // The number that `name` is the plain decimal form of.
  static std::optional<uint32_t> IndexOf(std::string_view name);
  // An unnamed task is named by its index.
  std::string Name(uint32_t task) const;
  // Nothing: also one that is not in memory.
  std::optional<uint32_t> Find(std::string_view name) const;

  // The submit that had this id; null when there was none, or it is not in memory.
  const Request* FindRequest(const std::string& id) const;
  void Remember(RequestMark mark, uint32_t first);

  void Decided(const state::Event& event);
  // `told`: the failures have it already, as they came from a snapshot.
  void Commit(const Record& record, bool told = false);

  // Bytes in memory of what the journal holds as well: specs of durable tasks, failures, results.
  size_t held_bytes() const { return held_bytes_; }
  // All of it, the fixed part of each task included.
  size_t bytes() const;
  // Leaves the specs of queued tasks to the journal that have become durable since the last call, or of all.
  void LeaveNewSpecs();
  void LeaveQueuedSpecs();
  // Leaves the spec of a task that does not run here, since its group is over.
  void LeaveSpecOf(uint32_t task) { LeaveSpec(Get(task)); }
  void KeepNewSpecs() { new_from_ = durable_; }
  // Takes a spec back that was read, unless it is not missed.
  void TakeSpec(uint32_t task, const std::shared_ptr<const TaskSpec>& spec);
  // The first durable task that runs and whose spec is not in memory.
  std::optional<uint32_t> FirstRunningWithoutSpec() const;
  // The event that has what the first task runs, when that is not in memory; 0: it is, or there is no task.
  uint64_t MissingFirst() const { return first_event_ != 0 && first_ == nullptr ? first_event_ : 0; }

  // What was decided of this task is not so.
  void RollBack(uint32_t task);

  // The first that failed, as many as GroupEnd tells.
  const std::vector<std::shared_ptr<const Failure>>& failures() const { return failures_; }
  TaskView View(uint32_t task, const GroupSummary& group) const;
  // The same of an entry that is not in a table.
  static TaskView ViewOf(const Entry& entry, std::string name, uint32_t task, const GroupSummary& group);
  // What the first task runs, once there is one: of a spec that is left to the journal the beginning alone.
  std::shared_ptr<const TaskSpec> first() const {
    if (folded_ > 0) return first_;
    const std::shared_ptr<const TaskSpec>& spec = entries_.front().spec;
    return spec == nullptr ? first_ : spec;
  }

 private:
  const Entry& BeforeFold(uint32_t task) const;
  // One that is in memory.
  Entry& Get(uint32_t task) { return task >= folded_ ? entries_[task - folded_] : open_.find(task)->second; }
  // Around every change of a pending state.
  void Enter(const Entry& entry);
  void Leave(const Entry& entry);
  void LeaveSpec(Entry& entry);
  void LeaveSpecsFrom(uint32_t first);
  void End(Entry& entry, const Record& record, bool told);
  // Of one that has ended.
  void Forget(const Entry& entry);

  uint32_t folded_ = 0;
  std::deque<Entry> entries_;       // from folded_ on
  std::map<uint32_t, Entry> open_;  // before that: not ended when they were folded
  size_t ended_ = 0;
  uint64_t first_event_ = 0;  // of the submission of task 0, once the table is folded
  std::vector<Milestone> milestones_;
  std::shared_ptr<const TaskSpec> first_;  // the beginning of what the first one runs, when its spec has left
  size_t held_bytes_ = 0;
  uint32_t durable_ = 0;   // tasks before this one are
  uint32_t new_from_ = 0;  // those from here on became so since LeaveNewSpecs or KeepNewSpecs
  Budget::Amount queued_;  // the sum over those whose pending phase is kQueued
  std::unordered_map<std::string, uint32_t> names_;  // of those that have one
  std::map<std::string, Request, std::less<>> requests_;
  std::vector<std::shared_ptr<const Failure>> failures_;
};

}  // namespace covey
