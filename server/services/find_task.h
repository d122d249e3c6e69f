#pragma once

#include <cstdint>
#include <string>

#include "server/services/dispatcher.h"

namespace covey {

// The index of a task by its name, or TASK_NOT_FOUND.
edge::Task<Result<uint32_t>> FindTask(const CallContext& context, const GroupPtr& group,
                                      const std::string& name);

// The task as it stands, wherever it is.
edge::Task<Result<TaskView>> ReadTask(const CallContext& context, const GroupPtr& group, uint32_t index);

}  // namespace covey
