#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>

#include "core/base/mutex.h"
#include "covey/context.h"
#include "covey/detail/task_node.h"
#include "covey/task.h"

namespace covey::detail {

// What only some tasks need: those that have a name or a time, are logged, or whose handle is kept.
//
// Thread safety: `mutex` guards what the handle and the task's thread share; the rest is the thread's that has the task.
struct TaskExtra {
  // Before the start.
  std::string name;
  std::optional<Span> timeout;
  // With a log: of Go, then of the start.
  Context::Clock::time_point since{};
  std::chrono::nanoseconds waited{0};
  // Of the task's thread.
  std::shared_ptr<void> value;
  // Shared.
  Mutex mutex;
  std::optional<Context> context COVEY_GUARDED_BY(mutex);  // the task's own
  std::optional<Failure> cancelled COVEY_GUARDED_BY(mutex);
  Status outcome COVEY_GUARDED_BY(mutex);
};

// The node's extra, made when it has none. Before the node is handed over, or by its thread or its handle.
TaskExtra& ExtraOf(TaskNode& node);

// The task is over, and so is its callable: tells the handle, if there is one. The node may be gone afterwards.
void End(TaskNode& node, const Status& outcome);
// A node that was never handed over.
void Discard(TaskNode& node);

}  // namespace covey::detail
