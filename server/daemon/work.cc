#include "server/daemon/work.h"

#include <sys/resource.h>

#include <optional>
#include <string_view>
#include <utility>

#include "core/executor/function_executor.h"

namespace covey {
namespace {

constexpr rlim_t kChildOpenFiles = 1024;  // what programs expect; the daemon itself takes all it may

}  // namespace

Work::Work(const Config& config, Stores& stores, std::string address,
           std::shared_ptr<const FunctionRegistry> functions, std::shared_ptr<spdlog::logger> log)
    : config_(config),
      stores_(stores),
      address_(std::move(address)),
      functions_(std::move(functions)),
      log_(std::move(log)) {}

Work::~Work() {
  stores_.Close();  // its answers come to the engine
}

Status Work::Recover() {
  if (Status status = MakeProcesses(); !status.ok()) return status;
  ExecutorTable executors;
  executors.Set<FunctionSpec>(std::make_shared<FunctionExecutor>(functions_));
  executors.Set<std::shared_ptr<const ProcessSpec>>(processes_);
  engine_ = std::make_unique<Engine>(
      Engine::Options{.journal = stores_.journal(),
                      .output = stores_.output(),
                      .executors = std::move(executors),
                      .pools = config_.pools,
                      .max_queued = {.tasks = config_.max_queued, .bytes = config_.max_queued_bytes},
                      .warn = [log = log_](const std::string& line) { log->warn("{}", line); }});
  if (const std::optional<Error> error = engine_->Recover()) return Status::Error(error->message);
  return Status::Ok();
}

Status Work::MakeProcesses() {
  const std::string prefix = stores_.id() + ":";
  // A copy has an id of its own, since with the original's it would kill what that one runs.
  const size_t stale =
      stores_.copied() ? 0 : ProcessSupervisor::KillStale(prefix, ProcessExecutor::kTokenVariable);
  if (stale > 0) log_->warn("killed {} processes that an earlier run of the daemon had left", stale);
  auto supervisor =
      ProcessSupervisor::Create({.use_cgroups = config_.use_cgroups,
                                 .enable_controllers = true,
                                 .become_subreaper = true,
                                 .token_variable = ProcessExecutor::kTokenVariable,
                                 .open_files = kChildOpenFiles,
                                 .log = [log = log_](std::string_view line) { log->warn("{}", line); }});
  if (!supervisor.ok()) return Status::Error(supervisor.error().message);
  processes_ = std::make_shared<ProcessExecutor>(std::move(supervisor.value()), prefix, address_);
  return Status::Ok();
}

}  // namespace covey
