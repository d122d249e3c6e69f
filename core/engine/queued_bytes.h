#pragma once

#include <span>

#include "core/run/budget.h"
#include "core/spec/spec_bytes.h"

namespace covey {

// What these tasks take of the queue's bounds. The fixed part of a task is what the bound in tasks is for.
inline Budget::Amount QueuedAmount(std::span<const TaskSpec> tasks) {
  Budget::Amount amount{.tasks = tasks.size()};
  for (const TaskSpec& task : tasks) amount.bytes += SpecBytes(task);
  return amount;
}

}  // namespace covey
