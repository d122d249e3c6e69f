#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/journal/journal.h"

namespace covey {

// A group as it stands: what the journal lists of it.
using GroupView = GroupSummary;

// How a group ended.
struct GroupEnd {
  GroupView group;
  std::vector<std::shared_ptr<const Failure>> failures;  // of tasks, in order of time, at most kMaxFailures
  static constexpr size_t kMaxFailures = 100;
};

// A task as it stands.
struct TaskView {
  std::string group;
  std::string name;
  uint32_t index = 0;
  std::shared_ptr<const TaskSpec> spec;
  state::TaskState state;
  bool stopped = false;  // in the queue, when its group was decided
  std::shared_ptr<const Failure> failure;
  std::shared_ptr<const Payload> result;
  WallTime submitted{};
  WallTime started{};  // epoch: never
  WallTime ended{};    // epoch: not yet
};

// Events after a number, as many as are at hand.
struct EventPage {
  std::vector<Record> records;
  uint64_t through = 0;    // everything up to here was told
  bool completed = false;  // the group is over and nothing follows `through`
};

}  // namespace covey
