#pragma once

#include <cstdint>
#include <string>

#include "server/services/service_context.h"

namespace covey {

// The index of a task by its name, or TASK_NOT_FOUND.
Result<uint32_t> FindTask(const DurableGroup& group, const std::string& name);

}  // namespace covey
