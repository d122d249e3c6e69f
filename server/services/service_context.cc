#include "server/services/service_context.h"

namespace covey {
namespace {
constexpr size_t kChunk = 64 * 1024;
}

std::optional<Error> CheckFunctions(const ServiceContext& context, const std::vector<TaskSpec>& tasks) {
  for (size_t i = 0; i < tasks.size(); ++i) {
    const auto* function = std::get_if<FunctionSpec>(&tasks[i].work);
    if (function == nullptr || context.functions->Find(function->name) != nullptr) continue;
    std::string names;
    for (const std::string& name : context.functions->Names()) names += (names.empty() ? "" : ", ") + name;
    const std::string field = "tasks[" + std::to_string(i) + "].function.name";
    const std::string description = "must be one of " + names + ", got " + function->name;
    return Error{.code = ErrorCode::kInvalidArgument,
                 .reason = "FUNCTION_NOT_FOUND",
                 .message = field + " " + description,
                 .fields = {{field, description}}};
  }
  return std::nullopt;
}

Error TaskNotFound(const std::string& group, const std::string& task) {
  return {.code = ErrorCode::kNotFound,
          .reason = "TASK_NOT_FOUND",
          .message = "group " + group + " has no task " + task};
}

edge::Task<std::optional<Result<GroupPtr>>> FindGroup(Engine& engine, const std::string& id) {
  edge::Completion<Result<GroupPtr>> found;
  engine.Find(id, Into(found));
  std::optional<Result<GroupPtr>> group = co_await found;
  co_return group;
}

edge::Task<std::optional<OutputPiece>> ReadOutputPiece(const ServiceContext& context, const OutputKey& key,
                                                       uint64_t offset) {
  edge::Completion<OutputPiece> read;
  context.readers->Run([&store = context.engine->output(), key, offset,
                        completer = read.completer()] { completer(store.Read(key, offset, kChunk)); },
                       /*eager=*/false);
  std::optional<OutputPiece> piece = co_await read;
  co_return piece;
}

}  // namespace covey
