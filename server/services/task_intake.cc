#include "server/services/task_intake.h"

#include <optional>
#include <string>
#include <utility>

#include "server/convert/convert.h"
#include "server/edge/completion.h"

namespace covey {
namespace {

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

edge::Task<Result<std::vector<TaskSpec>>> TakeTasks(
    const ServiceContext& context, const google::protobuf::RepeatedPtrField<v1::TaskSpec>& tasks) {
  std::vector<TaskSpec> specs;
  specs.reserve(tasks.size());
  std::vector<IndexedProcess> slow;
  for (const v1::TaskSpec& task : tasks) {
    const size_t index = specs.size();
    const TaskSpec& spec = specs.emplace_back(ToCore(task));
    std::optional<Error> error;
    if (const auto* function = std::get_if<FunctionSpec>(&spec.work)) {
      error = CheckFunction(context, *function, index);
    } else if (const auto* process = std::get_if<std::shared_ptr<const ProcessSpec>>(&spec.work)) {
      if (ProcessSupervisor::CheckMayBlock(**process)) {
        slow.push_back({index, *process});
      } else {
        error = CheckProcess(context.processes, **process, index);
      }
    }
    if (error) co_return *std::move(error);
  }
  if (!slow.empty()) {
    edge::Completion<Void> checked;
    context.readers->Run(
        [processes = context.processes, processes_to_check = std::move(slow),
         completer = checked.completer()] { completer(CheckProcesses(processes, processes_to_check)); },
        /*at_once=*/1);
    const Result<Void> result = co_await checked;
    if (!result.ok()) co_return result.error();
  }
  co_return std::move(specs);
}

std::vector<TaskSpec> TasksOf(const google::protobuf::RepeatedPtrField<v1::TaskSpec>& tasks) {
  std::vector<TaskSpec> specs;
  specs.reserve(tasks.size());
  for (const v1::TaskSpec& task : tasks) specs.push_back(ToCore(task));
  return specs;
}

v1::ErrorReason ReasonOf(const Error& error) {
  v1::ErrorReason reason = v1::ERROR_REASON_UNSPECIFIED;
  v1::ErrorReason_Parse("ERROR_REASON_" + error.reason, &reason);
  return reason;
}

std::string InOneLine(const Error& error) {
  if (error.fields.empty()) return error.message;
  return error.fields.front().field + ": " + error.fields.front().description;
}

}  // namespace covey
