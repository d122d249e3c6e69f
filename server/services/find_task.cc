#include "server/services/find_task.h"

#include <optional>

namespace covey {

Result<uint32_t> FindTask(const DurableGroup& group, const std::string& name) {
  if (const std::optional<uint32_t> index = group.FindTask(name)) return *index;
  return Error{.code = ErrorCode::kNotFound,
               .reason = "TASK_NOT_FOUND",
               .message = "group " + group.id() + " has no task " + name};
}

}  // namespace covey
