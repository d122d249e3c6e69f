#include "core/spec/spec_bytes.h"

#include <string>
#include <utility>
#include <vector>

namespace covey {
namespace {

uint64_t BytesOf(const std::vector<std::pair<std::string, std::string>>& pairs) {
  uint64_t bytes = 0;
  for (const auto& [name, value] : pairs) bytes += name.size() + value.size();
  return bytes;
}

uint64_t BytesOf(const FunctionSpec& function) {
  return function.name.size() + function.payload.bytes.size() + function.payload.content_type.size();
}

uint64_t BytesOf(const std::shared_ptr<const ProcessSpec>& process) {
  if (process == nullptr) return 0;
  uint64_t bytes = BytesOf(process->env) + process->working_dir.size() + process->stdin_bytes.size() +
                   process->user.size() + process->group.size() + process->stdout_file.path.size() +
                   process->stderr_file.path.size();
  for (const std::string& argument : process->argv) bytes += argument.size();
  return bytes;
}

uint64_t BytesOf(const OpaqueSpec& work) { return work.message.size(); }

}  // namespace

uint64_t SpecBytes(const TaskSpec& task) {
  return task.name.size() + BytesOf(task.labels) + BytesOf(task.annotations) +
         std::visit([](const auto& work) { return BytesOf(work); }, task.work);
}

uint64_t SpecBytes(const GroupSpec& group) {
  return group.id.size() + group.name.size() + group.pool.size() + BytesOf(group.labels) +
         BytesOf(group.annotations);
}

}  // namespace covey
