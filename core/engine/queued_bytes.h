#pragma once

#include <cstdint>
#include <span>

#include "core/run/budget.h"
#include "core/spec/task_spec.h"

namespace covey {

// What a task takes of the queue's bound in bytes: the texts and payloads of its spec, whatever holds them.
// The fixed part of a task is what the bound in tasks is for.
uint64_t QueuedBytes(const TaskSpec& task);

// What these take together.
Budget::Amount QueuedAmount(std::span<const TaskSpec> tasks);

}  // namespace covey
