#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/spec/group_spec.h"
#include "core/spec/output_sizes.h"
#include "core/spec/task_spec.h"
#include "core/spec/wall_time.h"
#include "core/state/event.h"
#include "covey/status.h"

namespace covey {

// Marks the request that caused a record, so that its retry finds the first answer (promise 13).
struct RequestMark {
  std::string id;
  uint64_t fingerprint = 0;  // of the content
  uint32_t count = 0;        // tasks that it added
};

// One event of a group with its number, time and texts.
struct Record {
  uint64_t number = 0;  // 1, 2, 3, … in the group
  WallTime time{};
  state::Event event;
  // Name of event.task, so that an event can be told without the others; empty: its index, or no task.
  std::string task_name;
  // What belongs to the kind of event; null or zero otherwise.
  std::shared_ptr<const GroupSpec> group;      // kGroupCreated
  std::shared_ptr<const TaskSpec> task;        // kTaskSubmitted
  std::shared_ptr<const Failure> failure;      // kTaskExited, kCancelRequested, kGroupDecided
  std::shared_ptr<const Payload> result;       // kTaskExited
  std::shared_ptr<const RequestMark> request;  // kGroupCreated, or the first kTaskSubmitted of a request
  std::shared_ptr<const OutputSizes> output;   // kTaskExited; null: not known
};

}  // namespace covey
