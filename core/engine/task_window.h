#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/engine/task_table.h"

namespace covey {

// Some of the tasks of a group that is over, next to each other, made of its events: for groups that are too large to
// be in memory. Specs and what is large of ends stay in the journal.
//
// Not thread-safe; immutable once it is shared.
class TaskWindow {
 public:
  // Tasks `first` to before `end`; so many of them have not ended.
  TaskWindow(uint32_t first, uint32_t end, size_t open = 0) : first_(first), end_(end), open_(open) {}

  // Takes the group's next events in; the first are those from the submission of task `first`, or some before it.
  // False: they do not follow from each other.
  bool Fold(const std::vector<Record>& records);

  uint32_t first() const { return first_; }
  uint32_t end() const { return end_; }
  bool Has(uint32_t task) const { return task >= first_ && task < end_; }
  // All were submitted, and those that have ended did: no event says more of them.
  bool settled() const { return complete() && ended_ + open_ >= end_ - first_; }
  // All were submitted.
  bool complete() const { return tasks_.size() == end_ - first_; }
  // The event of the submission of task `end`, once it was met; 0: not yet.
  uint64_t next_event() const { return next_event_; }
  size_t bytes() const { return tasks_.bytes(); }

  // Up to `limit` tasks from `task` on, which it has. `group`: as it ended.
  std::vector<TaskView> Views(uint32_t task, size_t limit, const GroupSummary& group) const;

 private:
  bool FoldOne(Record record);

  const uint32_t first_;
  const uint32_t end_;
  const size_t open_;
  TaskTable tasks_;  // numbered from 0
  uint32_t ended_ = 0;
  uint64_t next_event_ = 0;
};

}  // namespace covey
