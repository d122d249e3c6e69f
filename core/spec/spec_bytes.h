#pragma once

#include <cstdint>

#include "core/spec/group_spec.h"
#include "core/spec/task_spec.h"

namespace covey {

// The texts and payloads of a spec, in bytes, whatever holds them.
uint64_t SpecBytes(const TaskSpec& task);
uint64_t SpecBytes(const GroupSpec& group);

}  // namespace covey
