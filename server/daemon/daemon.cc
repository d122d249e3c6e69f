#include "server/daemon/daemon.h"

#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

#include "core/engine/engine.h"
#include "core/engine/uuid.h"
#include "core/executor/function_executor.h"
#include "core/executor/process_executor.h"
#include "core/output/file_output_store.h"
#include "google/rpc/error_details.pb.h"
#include "grpc/health/v1/health.pb.h"
#include "server/config/command_line.h"
#include "server/daemon/builtin_functions.h"
#include "server/daemon/heartbeat.h"
#include "server/daemon/listeners.h"
#include "server/daemon/live_config.h"
#include "server/daemon/log.h"
#include "server/daemon/service_manager.h"
#include "server/journal/data_lock.h"
#include "server/journal/memory_journal.h"
#include "server/journal/sqlite_journal.h"
#include "server/services/services.h"

#ifndef COVEY_VERSION
#error "COVEY_VERSION comes from the build"
#endif

namespace covey {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kExitUsage = 64;         // EX_USAGE of sysexits.h
constexpr int kExitCannotCreate = 73;  // EX_CANTCREAT
constexpr int kExitConfig = 78;        // EX_CONFIG
constexpr int kExitUncancelled = 1;
constexpr rlim_t kChildOpenFiles = 1024;  // what programs expect; the daemon itself takes all it may

// The signals that the daemon waits for: blocked before the first thread starts, so that none takes them.
sigset_t BlockSignals() {
  sigset_t awaited;
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGTERM);
  sigaddset(&awaited, SIGINT);
  sigaddset(&awaited, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &awaited, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return awaited;
}

// gRPC's listener dies for good when files run out (CVE-2023-4785): take all that is allowed.
void RaiseOpenFiles(spdlog::logger& log) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) log.warn("cannot raise the limit of open files");
}

// A random name for this data directory, made once: tells the processes of its tasks from all others.
std::string DirectoryId(const std::string& data_dir) {
  const std::string path = data_dir + "/id";
  std::string id;
  std::ifstream(path) >> id;
  if (!id.empty()) return id;
  id = NewUuid();
  (void)MakePrivateFile(path);
  std::ofstream(path) << id << "\n";
  return id;
}

// One run of the daemon, taken down in the opposite order.
class Daemon {
 public:
  Daemon(const CommandLine& command_line, Config config, FunctionRegistry functions, sigset_t signals)
      : config_(std::move(config)),
        live_(command_line, config_),
        functions_(std::make_shared<const FunctionRegistry>(std::move(functions))),
        signals_(signals),
        log_(MakeLog(config_.log_level, config_.log_json)),
        listeners_(config_.listen) {}

  int Run() {
    RaiseOpenFiles(*log_);
    if (const Status status = Open(); !status.ok()) {
      log_->error("{}", status.message());
      return kExitCannotCreate;
    }
    return Serve();
  }

 private:
  Status Open() {
    if (Status status = OpenStores(); !status.ok()) return status;
    if (Status status = listeners_.Claim(); !status.ok()) return status;
    if (Status status = OpenEngine(); !status.ok()) return status;
    return OpenServer();
  }

  Status OpenStores() {
    if (config_.journal == "memory") {
      journal_ = std::make_shared<MemoryJournal>();
      instance_ = directory_id_ = NewUuid();
      std::string pattern = (std::filesystem::temp_directory_path() / "coveyd-XXXXXX").string();
      if (mkdtemp(pattern.data()) == nullptr)
        return Status::Error("cannot make a temporary directory for output: " + pattern);
      temporary_ = pattern;
    } else {
      auto journal =
          OpenSqliteJournal({.directory = config_.data_dir,
                             .durability = config_.durable ? Durability::kFull : Durability::kNone,
                             .log = [log = log_](const std::string& line) { log->info("{}", line); }});
      if (!journal.ok()) return Status::Error(journal.error().message);
      journal_ = std::move(journal.value());
      directory_id_ = DirectoryId(config_.data_dir);
      instance_ = NewUuid();
    }
    auto output =
        FileOutputStore::Open({.directory = (temporary_.empty() ? config_.data_dir : temporary_) + "/output",
                               .bounds = {.head = config_.output_limit, .tail = config_.output_limit}});
    if (!output.ok()) return Status::Error(output.error().message);
    output_ = std::move(output.value());
    return Status::Ok();
  }

  Status OpenEngine() {
    const std::string prefix = directory_id_ + ":";
    if (const size_t stale = ProcessSupervisor::KillStale(prefix, ProcessExecutor::kTokenVariable);
        stale > 0) {
      log_->warn("killed {} processes that an earlier run of the daemon had left", stale);
    }
    std::unique_ptr<ProcessSupervisor> supervisor;
    if (Status status =
            ProcessSupervisor::Create({.use_cgroups = config_.use_cgroups,
                                       .enable_controllers = true,
                                       .become_subreaper = true,
                                       .token_variable = ProcessExecutor::kTokenVariable,
                                       .open_files = kChildOpenFiles,
                                       .log = [log = log_](std::string_view line) { log->warn("{}", line); }},
                                      &supervisor);
        !status.ok()) {
      return status;
    }
    process_control_ = supervisor->mechanism();
    processes_ = std::make_shared<ProcessExecutor>(std::move(supervisor), prefix, config_.listen.front());
    ExecutorTable executors;
    executors.Set<FunctionSpec>(std::make_shared<FunctionExecutor>(functions_));
    executors.Set<std::shared_ptr<const ProcessSpec>>(processes_);
    auto engine = Engine::Open({.journal = journal_,
                                .output = output_,
                                .executors = std::move(executors),
                                .pools = config_.pools,
                                .max_queued = config_.max_queued,
                                .warn = [log = log_](const std::string& line) { log->warn("{}", line); }});
    if (!engine.ok()) return Status::Error(engine.error().message);
    engine_ = std::move(engine.value());
    return Status::Ok();
  }

  Status OpenServer() {
    context_.engine = engine_.get();
    context_.functions = functions_;
    context_.processes = processes_;
    context_.readers = std::make_shared<ThreadSet>(std::chrono::seconds(10), TimerQueue::Default());
    context_.version = COVEY_VERSION;
    context_.instance_id = instance_;
    context_.process_control = process_control_.starts_with("cgroup") ? "cgroup" : "subreaper";
    context_.config_file = live_.file();
    context_.reload = [this] { return live_.Reload(); };
    context_.start_time = std::chrono::system_clock::now();
    context_.start_instant = steady_clock::now();
    // Linked in, so that reflection can describe the health service that gRPC brings along, and the details
    // of errors, which no message of the contract names.
    COVEY_CHECK(grpc::health::v1::HealthCheckRequest::descriptor() != nullptr);
    COVEY_CHECK(google::rpc::ErrorInfo::descriptor() != nullptr);
    live_.SetParts({.engine = engine_.get(),
                    .output = output_.get(),
                    .log = log_,
                    .permit = [this](const Config& config) { return listeners_.Permit(config); }});
    context_.warn = [log = log_](const std::string& line) { log->warn("{}", line); };
    server_ = std::make_unique<edge::Server>(
        edge::ServerOptions{.addresses = listeners_.addresses(),
                            .queues = config_.queues,
                            .health_names = ServiceNames(),
                            .log = [log = log_](std::string_view line) { log->error("{}", line); }});
    context_.on_drain = [server = server_.get()] { server->SetServing(false); };
    dispatcher_ = std::make_unique<Dispatcher>(*server_, context_);
    AddServices(*dispatcher_);
    if (Status status = server_->Start(); !status.ok()) return listeners_.Named(status);
    if (Status status = listeners_.Publish(server_->ports(), config_); !status.ok()) return status;
    context_.listen = listeners_.names();
    return Status::Ok();
  }

  int Serve() {
    for (const std::string& address : context_.listen) log_->info("serving on {}", address);
    log_->info("coveyd {} is ready: journal {}{}, process control {}, {} groups to go on with", COVEY_VERSION,
               config_.journal, config_.journal == "sqlite" ? " in " + config_.data_dir : "",
               process_control_, engine_->counts().running_groups);
    const std::string ready = "serving on " + context_.listen.front();
    ServiceManager::Ready(ready);
    // Four looks in the time that the watchdog allows: one late answer is no end.
    heartbeat_ = std::make_unique<Heartbeat>(ServiceManager::WatchdogTimeout() / 4, Parts(),
                                             [] { ServiceManager::Alive(); });
    int signal_number = 0;
    while (sigwait(&signals_, &signal_number) == 0 && signal_number == SIGHUP) {
      log_->info("{}: reading the configuration again", strsignal(signal_number));
      ServiceManager::Reloading();
      const bool read = live_.Reload().ok();  // the log has been told the rest
      ServiceManager::Ready(read ? ready : ready + "; a reload was refused, see the log");
    }
    const Config config = live_.current();
    log_->info("{}: draining for at most {} ms", strsignal(signal_number), config.drain_timeout.count());
    ServiceManager::Stopping("draining", config.drain_timeout + config.stop_timeout + kStreamGrace * 2);
    engine_->BeginDrain();
    server_->SetServing(false);
    if (!AwaitIdle(config.drain_timeout, /*hurry=*/true)) {
      const auto busy = engine_->Busy();
      log_->info("cancelling {} groups that still run", busy.size());
      ServiceManager::Stopping("cancelling", config.stop_timeout + kStreamGrace * 2);
      for (const GroupPtr& group : busy) {
        group->Cancel({.kind = FailureKind::kCancelled, .message = "the daemon is stopping"}, nullptr);
      }
      if (!AwaitIdle(config.stop_timeout, /*hurry=*/false)) return GiveUp(config.stop_timeout);
    }
    heartbeat_.reset();
    listeners_.Withdraw();
    server_->Shutdown(kStreamGrace);
    server_.reset();
    context_.readers->Stop();  // of calls that were cancelled: they use what goes next
    processes_.reset();
    journal_->Close();
    engine_.reset();
    if (!temporary_.empty()) {
      std::error_code ignored;
      std::filesystem::remove_all(temporary_, ignored);
    }
    log_->info("stopped");
    return 0;
  }

  // What must work for the daemon to be alive: each queue's thread, and the engine behind it. Not the
  // journal: a disk that hangs for a while is no reason to lose what runs.
  std::vector<Heartbeat::Probe> Parts() {
    std::vector<Heartbeat::Probe> parts;
    for (size_t i = 0; i < server_->queues(); ++i) {
      parts.push_back([this, mailbox = server_->mailbox(i)](std::function<void()> answer) {
        mailbox->Post([this, answer = std::move(answer)] {
          (void)engine_->counts();
          answer();
        });
      });
    }
    return parts;
  }

  // True when nothing runs any more; false when the time is up, or, with `hurry`, at another signal.
  bool AwaitIdle(milliseconds timeout, bool hurry) {
    const auto deadline = steady_clock::now() + timeout;
    for (;;) {
      if (engine_->Busy().empty()) return true;
      const auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(deadline - steady_clock::now());
      if (rest <= std::chrono::nanoseconds(0)) return false;
      constexpr std::chrono::nanoseconds kLook = milliseconds(20);
      const timespec look{.tv_sec = 0, .tv_nsec = std::min(rest, kLook).count()};
      const int signal_number = sigtimedwait(&signals_, nullptr, &look);
      if (signal_number > 0 && signal_number != SIGHUP && hurry) {
        log_->info("{} again: cancelling now", strsignal(signal_number));
        return false;
      }
    }
  }

  // Something ignores its cancel: its thread cannot be ended, so the process is.
  int GiveUp(milliseconds stop_timeout) {
    for (const GroupPtr& group : engine_->Busy()) {
      for (const TaskView& task : group->ViewTasks(0, group->task_count())) {
        if (task.state.phase != state::TaskState::Phase::kRunning) continue;
        const auto* function = std::get_if<FunctionSpec>(&task.spec->work);
        log_->error("task {} of group {} ({}) has ignored its cancel for {} ms", task.name, group->id(),
                    function == nullptr ? "a process" : "function " + function->name, stop_timeout.count());
      }
    }
    listeners_.Withdraw();
    server_->Shutdown(kStreamGrace);
    journal_->Close();
    std::_Exit(kExitUncancelled);
  }

  static constexpr milliseconds kStreamGrace{2000};

  const Config config_;  // of the start
  LiveConfig live_;
  const std::shared_ptr<const FunctionRegistry> functions_;
  sigset_t signals_;
  const std::shared_ptr<spdlog::logger> log_;
  std::string temporary_;  // for output that need not survive
  std::string instance_;
  std::string directory_id_;
  std::string process_control_;
  Listeners listeners_;
  std::shared_ptr<Journal> journal_;
  std::shared_ptr<FileOutputStore> output_;
  std::shared_ptr<ProcessExecutor> processes_;
  std::unique_ptr<Engine> engine_;
  ServiceContext context_;
  std::unique_ptr<Dispatcher> dispatcher_;  // of calls of server_
  std::unique_ptr<edge::Server> server_;
  std::unique_ptr<Heartbeat> heartbeat_;
};

}  // namespace

int RunDaemon(int argc, char** argv, FunctionRegistry functions) {
  const ParsedCommandLine parsed = ParseCommandLine(std::vector<std::string>(argv + 1, argv + argc));
  if (!parsed.command_line) {
    std::fprintf(stderr, "coveyd: %s\n", parsed.error.c_str());
    return kExitUsage;
  }
  const CommandLine& command_line = *parsed.command_line;
  if (command_line.action == CommandLine::Action::kHelp) {
    std::fputs(HelpText().c_str(), stdout);
    return 0;
  }
  if (command_line.action == CommandLine::Action::kManual) {
    std::fputs(ManPage(COVEY_VERSION).c_str(), stdout);
    return 0;
  }
  if (command_line.action == CommandLine::Action::kVersion) {
    std::puts("coveyd " COVEY_VERSION);
    return 0;
  }
  const ConfigResult configured = LoadConfig(command_line);
  if (!configured.loaded) {
    for (const ConfigProblem& problem : configured.problems)
      std::fprintf(stderr, "coveyd: %s\n", problem.Text().c_str());
    return command_line.config_file.empty() ? kExitUsage : kExitConfig;
  }
  if (command_line.action == CommandLine::Action::kCheckConfig) {
    std::puts(command_line.config_file.empty() ? "the flags are good" : "flags and file are good");
    return 0;
  }
  if (command_line.action == CommandLine::Action::kPrintConfig) {
    std::fputs(PrintConfig(*configured.loaded).c_str(), stdout);
    return 0;
  }
  const sigset_t signals = BlockSignals();
  RegisterBuiltinFunctions(&functions);
  return Daemon(command_line, configured.loaded->config, std::move(functions), signals).Run();
}

}  // namespace covey
