#include "server/services/find_task.h"

namespace covey {

edge::Task<Result<uint32_t>> FindTask(const CallContext& context, const GroupPtr& group,
                                      const std::string& name) {
  edge::Completion<uint32_t> finding;
  context.engine().FindTask(group, name, finding.completer());
  const Result<uint32_t> index = co_await finding;
  co_return index;
}

edge::Task<Result<TaskView>> ReadTask(const CallContext& context, const GroupPtr& group, uint32_t index) {
  edge::Completion<TaskView> reading;
  context.engine().ReadTask(group, index, reading.completer());
  Result<TaskView> task = co_await reading;
  co_return std::move(task);
}

}  // namespace covey
