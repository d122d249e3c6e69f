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

#include "core/engine/view.h"
#include "core/journal/journal.h"
#include "core/run/budget.h"
#include "core/state/group_state.h"

namespace covey {

// The tasks of one group: what was submitted, under which names and requests, and how each stands as far as
// it is decided (pending) and as far as it is durable (committed).
//
// What the journal holds need not be in memory as well: specs of tasks that have ended or wait far behind, and
// results and failures that are large. Whoever asks for them reads the event that has them.
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

  uint32_t size() const { return static_cast<uint32_t>(entries_.size()); }
  const Entry& operator[](uint32_t task) const { return entries_[task]; }
  const Entry& at(uint32_t task) const { return entries_.at(task); }

  // kInvalidArgument: which of these cannot have its name.
  std::optional<Error> CheckNames(std::span<const TaskSpec> more) const;
  void Add(std::shared_ptr<const TaskSpec> spec);
  // Forgets the newest: they never became durable.
  void Truncate(uint32_t size);

  // An unnamed task is named by its index.
  std::string Name(uint32_t task) const;
  std::optional<uint32_t> Find(std::string_view name) const;

  // The submit that had this id; null when there was none.
  const Request* FindRequest(const std::string& id) const;
  void Remember(RequestMark mark, uint32_t first);

  void Decided(const state::Event& event);
  void Commit(const Record& record);

  // Bytes in memory of what the journal holds as well: specs of durable tasks, failures, results.
  size_t held_bytes() const { return held_bytes_; }
  // All of it, the fixed part of each task included.
  size_t bytes() const;
  // Leaves the specs of queued tasks to the journal that have become durable since the last call, or of all.
  void LeaveNewSpecs();
  void LeaveQueuedSpecs();
  // Leaves the spec of a task that does not run here, since its group is over.
  void LeaveSpecOf(uint32_t task) { LeaveSpec(entries_[task]); }
  void KeepNewSpecs() { new_from_ = durable_; }
  // Takes a spec back that was read, unless it is not missed.
  void TakeSpec(uint32_t task, const std::shared_ptr<const TaskSpec>& spec);
  // The first durable task that runs and whose spec is not in memory.
  std::optional<uint32_t> FirstRunningWithoutSpec() const;

  // What was decided of this task is not so.
  void RollBack(uint32_t task);

  // The first that failed, as many as GroupEnd tells.
  const std::vector<std::shared_ptr<const Failure>>& failures() const { return failures_; }
  TaskView View(uint32_t task, const GroupSummary& group) const;
  // What the first task runs, once there is one: of a spec that is left to the journal the beginning alone.
  std::shared_ptr<const TaskSpec> first() const {
    const std::shared_ptr<const TaskSpec>& spec = entries_.front().spec;
    return spec == nullptr ? first_ : spec;
  }

 private:
  // Around every change of a pending state.
  void Enter(const Entry& entry);
  void Leave(const Entry& entry);
  void LeaveSpec(Entry& entry);
  void LeaveSpecsFrom(size_t first);
  void End(Entry& entry, const Record& record);

  std::deque<Entry> entries_;
  std::shared_ptr<const TaskSpec> first_;  // the beginning of what the first one runs, when its spec has left
  size_t held_bytes_ = 0;
  size_t durable_ = 0;     // of the entries, from the front
  size_t new_from_ = 0;    // those from here on became so since LeaveNewSpecs or KeepNewSpecs
  Budget::Amount queued_;  // the sum over those whose pending phase is kQueued
  std::unordered_map<std::string, uint32_t> names_;  // of those that have one
  std::map<std::string, Request, std::less<>> requests_;
  std::vector<std::shared_ptr<const Failure>> failures_;
};

}  // namespace covey
