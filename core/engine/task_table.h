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
// Not thread-safe: guarded by the lock of its group. Indexes are those of state::Event::task.
class TaskTable {
 public:
  struct Entry {
    std::shared_ptr<const TaskSpec> spec;
    std::shared_ptr<const Failure> failure;
    std::shared_ptr<const Payload> result;
    std::shared_ptr<const OutputSizes> output;
    WallTime submitted{};
    WallTime started{};
    WallTime ended{};
    uint64_t ended_number = 0;  // of the event
    state::TaskState pending;
    state::TaskState committed;
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
  // What was decided of this task is not so.
  void RollBack(uint32_t task);

  // The first that failed, as many as GroupEnd tells.
  const std::vector<std::shared_ptr<const Failure>>& failures() const { return failures_; }
  TaskView View(uint32_t task, const GroupSummary& group) const;

 private:
  // Around every change of a pending state.
  void Enter(const Entry& entry);
  void Leave(const Entry& entry);

  std::deque<Entry> entries_;
  Budget::Amount queued_;                            // the sum over those whose pending phase is kQueued
  std::unordered_map<std::string, uint32_t> names_;  // of those that have one
  std::map<std::string, Request, std::less<>> requests_;
  std::vector<std::shared_ptr<const Failure>> failures_;
};

}  // namespace covey
