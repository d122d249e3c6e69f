#include "server/services/service_context.h"

namespace covey {
namespace {

constexpr size_t kChunk = 64 * 1024;

std::optional<Error> CheckFunction(const ServiceContext& context, const FunctionSpec& function,
                                   size_t index) {
  if (context.functions->Find(function.name) != nullptr) return std::nullopt;
  std::string names;
  for (const std::string& name : context.functions->Names()) names += (names.empty() ? "" : ", ") + name;
  const std::string field = "tasks[" + std::to_string(index) + "].function.name";
  const std::string description = "must be one of " + names + ", got " + function.name;
  return Error{.code = ErrorCode::kInvalidArgument,
               .reason = "FUNCTION_NOT_FOUND",
               .message = field + " " + description,
               .fields = {{field, description}}};
}

struct IndexedProcess {
  size_t index;
  std::shared_ptr<const ProcessSpec> spec;
};

std::optional<Error> CheckProcess(const std::weak_ptr<const ProcessExecutor>& processes,
                                  const ProcessSpec& spec, size_t index) {
  const std::shared_ptr<const ProcessExecutor> executor = processes.lock();
  if (executor == nullptr) return std::nullopt;  // the daemon is stopping: nothing will be started
  const std::optional<StartProblem> problem = executor->supervisor().Check(spec);
  if (!problem) return std::nullopt;
  const std::string field = "tasks[" + std::to_string(index) + "].process." + problem->field;
  Error error{.code = problem->code,
              .reason = problem->reason,
              .message = field + " " + problem->description,
              .fields = {}};
  if (error.code == ErrorCode::kInvalidArgument) error.fields = {{field, problem->description}};
  return error;
}

// Those that need a look-up, which may take its time.
Result<Void> CheckProcesses(const std::weak_ptr<const ProcessExecutor>& processes,
                            const std::vector<IndexedProcess>& specs) {
  for (const auto& [index, spec] : specs) {
    if (std::optional<Error> error = CheckProcess(processes, *spec, index)) return *std::move(error);
  }
  return Void{};
}

}  // namespace

edge::Task<std::optional<Result<Void>>> CheckTasks(const ServiceContext& context,
                                                   const std::vector<TaskSpec>& tasks) {
  std::vector<IndexedProcess> slow;
  for (size_t i = 0; i < tasks.size(); ++i) {
    std::optional<Error> error;
    if (const auto* function = std::get_if<FunctionSpec>(&tasks[i].work)) {
      error = CheckFunction(context, *function, i);
    } else {
      const auto& process = std::get<std::shared_ptr<const ProcessSpec>>(tasks[i].work);
      if (ProcessSupervisor::CheckMayBlock(*process)) {
        slow.push_back({i, process});
      } else {
        error = CheckProcess(context.processes, *process, i);
      }
    }
    if (error) co_return Result<Void>(*std::move(error));
  }
  if (slow.empty()) co_return Result<Void>(Void{});
  edge::Completion<Result<Void>> checked;
  std::function<void()> check = [processes = context.processes, specs = std::move(slow),
                                 completer = checked.completer()] {
    completer(CheckProcesses(processes, specs));
  };
  context.readers->Run(std::move(check), /*eager=*/false);
  std::optional<Result<Void>> result = co_await checked;
  co_return result;
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
