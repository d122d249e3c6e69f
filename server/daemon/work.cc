#include "server/daemon/work.h"

#include <sys/resource.h>

#include <optional>
#include <string_view>
#include <utility>

#include "core/base/plural.h"
#include "core/executor/function_executor.h"
#include "core/process/leftovers.h"
#include "core/process/owner.h"
#include "server/daemon/open_files.h"
#include "server/log/activity.h"

namespace covey {
namespace {

constexpr size_t kStillToOpen = 20;       // by spawning threads, the loop, the cgroups' place
constexpr rlim_t kChildOpenFiles = 1024;  // what programs expect; the daemon itself takes all it may

void TellLeftovers(Log& log, const ProcessExecutor::Leftovers& left) {
  log.Write({.part = LogPart::kProcesses,
             .kind = "leftovers_killed",
             .message = "a task left processes, which were killed",
             .fields = {{"group", left.group},
                        {"task", left.task},
                        {"attempt", uint64_t{left.attempt}},
                        {"processes", uint64_t{left.killed}}}});
}

}  // namespace

Work::Work(const Config& config, Stores& stores, std::string address,
           std::shared_ptr<const FunctionRegistry> functions, std::shared_ptr<Log> log)
    : config_(config),
      stores_(stores),
      address_(std::move(address)),
      functions_(std::move(functions)),
      log_(std::move(log)) {}

Work::~Work() {
  if (retention_ != nullptr) retention_->Stop();
  stores_.Close();  // its answers come to the engine
}

Status Work::Recover(const RecoveryWatcher& watcher) {
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
                      .group_bytes = config_.max_group_memory,
                      .warn = log_->Teller(LogPart::kGroups, LogLevel::kWarning, "engine"),
                      .activity = std::make_shared<ActivityLines>(log_)});
  const auto begin = std::chrono::steady_clock::now();
  const RecoveryWatcher counting = [&](const RecoveryProgress& progress) {
    counts_->recovered_groups = progress.found;
    return !watcher || watcher(progress);
  };
  if (const std::optional<Error> error = engine_->Recover(counting))
    return Status::Error(stores_.Explain(*error));
  const auto took = std::chrono::steady_clock::now() - begin;
  counts_->recovery_microseconds =
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(took).count());
  retention_ = std::make_unique<Retention>(
      *engine_, Retention::Options{.bounds = config_.retain,
                                   .log = log_->Teller(LogPart::kJournal, LogLevel::kInfo, "retention"),
                                   .warn = log_->Teller(LogPart::kJournal, LogLevel::kWarning, "retention")});
  return Status::Ok();
}

void Work::Run() {
  engine_->Run();
  if (!engine_->parked()) retention_->Start();
}

Status Work::MakeProcesses() {
  const std::string prefix = stores_.id() + ":";
  const std::string record = config_.journal == "memory" ? "" : config_.data_dir + "/roots";
  const auto warn = log_->Teller(LogPart::kProcesses, LogLevel::kWarning, "processes");
  // What a copy of the data directory tells of belongs to the original.
  const size_t left = stores_.copied() ? 0
                                       : KillLeftovers({.token_prefix = prefix,
                                                        .token_variable = ProcessExecutor::kTokenVariable,
                                                        .record = record,
                                                        .log = warn});
  counts_->leftovers_of_earlier_run = left;
  if (left > 0) {
    log_->Write({.part = LogPart::kProcesses,
                 .level = LogLevel::kWarning,
                 .kind = "leftovers_killed",
                 .message = "killed " + Plural(left, "process", "processes") +
                            " that an earlier run of the daemon had left",
                 .fields = {{"processes", uint64_t{left}}}});
  }
  // Nearly all that it needs for itself it has open by now.
  const rlim_t limit = open_files::Limit();
  const size_t open = open_files::OpenNow() + kStillToOpen;
  const size_t processes = open_files::ProcessesAtOnce(limit, open);
  if (processes == 0) return Status::Error(open_files::TooFew(limit, open));
  if (const std::string few = open_files::FewerThanSlots(limit, processes, config_.pools); !few.empty()) {
    log_->Of(LogPart::kProcesses)->warn("{}", few);
  }
  auto supervisor = ProcessSupervisor::Create({.use_cgroups = config_.use_cgroups,
                                               .enable_controllers = true,
                                               .become_subreaper = true,
                                               .most_at_once = processes,
                                               .token_variable = ProcessExecutor::kTokenVariable,
                                               .root_record = record,
                                               .open_files = kChildOpenFiles,
                                               .log = warn});
  if (!supervisor.ok()) return Status::Error(supervisor.error().message);
  processes_ = std::make_shared<ProcessExecutor>(
      std::move(supervisor.value()), prefix + Owner::Self().Text() + ":", address_,
      [log = log_, counts = counts_](const ProcessExecutor::Leftovers& each) {
        counts->leftovers_of_tasks.fetch_add(each.killed, std::memory_order_relaxed);
        TellLeftovers(*log, each);
      });
  return Status::Ok();
}

}  // namespace covey
