#include "covey/daemon.h"
#include "core/base/plural.h"

#include <signal.h>
#include <spdlog/spdlog.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/engine/uuid.h"
#include "covey/version.h"
#include "server/config/command_line.h"
#include "server/daemon/builtin_functions.h"
#include "server/daemon/diagnosis.h"
#include "server/daemon/frontend.h"
#include "server/daemon/heartbeat.h"
#include "server/daemon/live_config.h"
#include "server/daemon/offline.h"
#include "server/daemon/open_files.h"
#include "server/daemon/service_manager.h"
#include "server/daemon/start_watch.h"
#include "server/daemon/stopping.h"
#include "server/daemon/stores.h"
#include "server/daemon/web.h"
#include "server/daemon/work.h"
#include "server/log/library_lines.h"
#include "server/log/log.h"
#include "server/services/answer_room.h"

namespace covey {
namespace {

using std::chrono::milliseconds;

constexpr int kExitUsage = 64;         // EX_USAGE of sysexits.h
constexpr int kExitCannotCreate = 73;  // EX_CANTCREAT
constexpr int kExitConfig = 78;        // EX_CONFIG
constexpr int kExitUncancelled = 1;
constexpr milliseconds kLongestStreamGrace{2000};
constexpr milliseconds kShortestStreamGrace{250};
// Threads that read files for calls: a disk that hangs holds up that many, and the other reads behind them.
constexpr size_t kMostReaders = 64;
// Beyond the budget of a stop, for what the service manager sees of it: the end of streams, the last sync.
constexpr milliseconds kPatienceBeyond{5000};

// The signals that the daemon waits for: blocked before the first thread starts, so that none takes them.
sigset_t BlockSignals() {
  sigset_t awaited;
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGTERM);
  sigaddset(&awaited, SIGINT);
  sigaddset(&awaited, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &awaited, nullptr);
  // What would end the program and is no request to end. A child starts with none of it ignored.
  for (const int meaningless :
       {SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGXFSZ, SIGSTKFLT}) {
    signal(meaningless, SIG_IGN);
  }
  for (int meaningless = SIGRTMIN; meaningless <= SIGRTMAX; ++meaningless) signal(meaningless, SIG_IGN);
  return awaited;
}

// One run of the daemon, in phases: claim what it needs, recover, run; refuse, suspend, close. Until it
// runs nothing is granted and nothing starts: what has failed by then has lost nothing. Its parts go in the
// opposite order of their making.
class Daemon {
 public:
  Daemon(const CommandLine& command_line, Config config, FunctionRegistry functions, sigset_t signals)
      : config_(std::move(config)),
        adopt_(command_line.adopt),
        live_(command_line, config_),
        functions_(std::make_shared<const FunctionRegistry>(std::move(functions))),
        signals_(signals),
        watch_(signals),
        log_(Log::New(std::make_unique<StandardLogOutput>(STDERR_FILENO, getenv("JOURNAL_STREAM"),
                                                          std::string(JournalLogOutput::kSocket)),
                      LogSettingsOf(config_))),
        say_(log_->Of(LogPart::kDaemon)) {
    TakeLibraryLines(log_);
  }

  ~Daemon() { health_.OnChange(nullptr); }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  int Run() {
    if (const Status raised = open_files::Raise(); !raised.ok()) say_->warn("{}", raised.message());
    Status started = Claim();
    if (started.ok() && watch_.StopSignal() == 0) started = Recover();
    if (const int signal_number = watch_.StopSignal(); signal_number != 0) {
      say_->info("{}: stopped before anything ran", strsignal(signal_number));
      return 0;
    }
    if (!started.ok()) {
      say_->error("{}", started.message());
      return kExitCannotCreate;
    }
    Serve();
    AwaitStop();
    return Stop();
  }

 private:
  // The data directory and every address: what another program may hold.
  Status Claim() {
    frontend_ = std::make_unique<Frontend>(config_, log_);
    health_.OnChange([this](bool well) { frontend_->SetWell(well); });
    if (Status status = stores_.Open(config_, adopt_, log_); !status.ok()) return status;
    if (Status status = frontend_->Listen(); !status.ok()) return status;
    web_ = std::make_unique<Web>(config_, health_);
    return web_->Listen();
  }

  Status Recover() {
    work_ = std::make_unique<Work>(config_, stores_, frontend_->AddressForTasks(), functions_, log_);
    return work_->Recover([this](const RecoveryProgress& progress) {
      return watch_.GoOn("starting: " + std::to_string(progress.resumed) + " of " +
                         Plural(progress.found, "group") + " recovered");
    });
  }

  // Calls first: a task may call the daemon as soon as it runs.
  void Serve() {
    live_.SetParts({.engine = &work_->engine(),
                    .output = stores_.output().get(),
                    .retention = &work_->retention(),
                    .log = log_,
                    .permit = [this](const Config& config) { return frontend_->Permit(config); }});
    const uint32_t recovered = work_->engine().counts().running_groups;
    const ServiceContext context = Context();
    frontend_->Serve(context);
    web_->Serve({.version = context.version,
                 .engine = context.engine,
                 .journal = stores_.journal_counts().get(),
                 .calls = frontend_->call_stats(),
                 .streams = context.streams.get(),
                 .retention = &work_->retention(),
                 .work = &work_->counts(),
                 .log = &log_->counts(),
                 .budgets = {{"max_request_memory", context.requests},
                             {"max_stream_memory", context.answers->budget()}}});
    work_->Run();
    for (const std::string& address : frontend_->addresses()) say_->info("serving on {}", address);
    if (!web_->address().empty()) say_->info("serving HTTP on {}", web_->address());
    say_->info("coveyd {} is ready: journal {}{}, process control {}, {} to go on with", COVEY_VERSION,
               config_.journal, config_.journal == "sqlite" ? " in " + config_.data_dir : "",
               work_->process_control(), Plural(recovered, "group"));
    ServiceManager::Ready(ReadyStatus());
    // Four looks in the time that the watchdog allows: one late answer is no end. The journal is not asked: a
    // disk that hangs for a while is no reason to lose what runs.
    heartbeat_ = std::make_unique<Heartbeat>(ServiceManager::WatchdogTimeout() / 4, frontend_->Probes(),
                                             [] { ServiceManager::Alive(); });
  }

  ServiceContext Context() {
    ServiceContext context;
    context.engine = &work_->engine();
    context.retention = &work_->retention();
    context.functions = functions_;
    context.processes = work_->processes();
    context.readers =
        std::make_shared<ThreadSet>(std::chrono::seconds(10), TimerQueue::Default(), nullptr, kMostReaders);
    context.requests = Budget::New("requests", {.bytes = config_.max_request_memory});
    context.answers =
        std::make_shared<AnswerRoom>(config_.max_stream_memory, std::chrono::seconds(10),
                                     log_->Teller(LogPart::kCalls, LogLevel::kWarning, "slow_reader"));
    context.reader_timeout = config_.reader_timeout;
    context.version = COVEY_VERSION;
    context.start_time = std::chrono::system_clock::now();
    context.start_instant = std::chrono::steady_clock::now();
    context.instance_id = NewUuid();
    context.process_control = work_->process_control().starts_with("cgroup") ? "cgroup" : "subreaper";
    context.config_file = live_.file();
    context.streams = std::make_shared<StreamStats>();
    context.health = &health_;
    context.backup = [this](const auto& done) { stores_.Backup(done); };
    context.reload = [this] { return live_.Reload(); };
    context.diagnose = [this] {
      return Diagnose({.live = live_,
                       .engine = work_->engine(),
                       .retention = work_->retention(),
                       .supervisor = work_->processes()->supervisor(),
                       .health = health_});
    };
    context.log = log_;
    return context;
  }

  std::string ReadyStatus() const {
    return (stores_.copied() ? "parked, a copy: reads are served on " : "serving on ") +
           frontend_->addresses().front();
  }

  void AwaitStop() {
    int signal_number = 0;
    while (sigwait(&signals_, &signal_number) == 0 && signal_number == SIGHUP) {
      say_->info("{}: reading the configuration again", strsignal(signal_number));
      ServiceManager::Reloading();
      const bool read = live_.Reload().ok();  // the log has been told the rest
      ServiceManager::Ready(read ? ReadyStatus() : ReadyStatus() + "; a reload was refused, see the log");
    }
    const Config config = live_.current();
    say_->info("{}: {} within {} ms", strsignal(signal_number),
               config.on_stop == OnStop::kSuspend ? "suspending" : "stopping", config.stop_timeout.count());
  }

  int Stop() {
    work_->retention().BeginStop();
    stores_.output()->StopPacing();
    const Config config = live_.current();
    ServiceManager::Stopping(config.on_stop == OnStop::kSuspend ? "suspending" : "stopping",
                             config.stop_timeout + kPatienceBeyond);
    Stopping stopping(work_->engine(), *work_->processes(), config, signals_, say_);
    frontend_->ShowServing();
    web_->Stopping();
    const bool idle = stopping.Run();
    const Engine::Counts left = work_->engine().counts();
    heartbeat_.reset();
    frontend_->Shutdown(std::clamp(stopping.rest(), kShortestStreamGrace, kLongestStreamGrace));
    if (!idle) {  // a thread that ignores its cancel cannot be ended: the process is
      stores_.Close();
      TellStopped("stopped, with work that ignored its stop", left);
      log_->Flush();
      std::_Exit(kExitUncancelled);
    }
    web_.reset();
    work_.reset();
    TellStopped("stopped", left);
    return 0;
  }

  void TellStopped(const char* how, const Engine::Counts& left) {
    log_->Write({.message = how,
                 .fields = {{"open_groups", uint64_t{left.running_groups}},
                            {"queued_tasks", uint64_t{left.queued_tasks}}}});
  }

  const Config config_;  // of the start
  const bool adopt_;
  LiveConfig live_;
  const std::shared_ptr<const FunctionRegistry> functions_;
  const sigset_t signals_;
  StartWatch watch_;
  const std::shared_ptr<Log> log_;
  const std::shared_ptr<spdlog::logger> say_;  // what is its own
  Health health_;
  Stores stores_{health_};
  std::unique_ptr<Work> work_;
  std::unique_ptr<Frontend> frontend_;
  std::unique_ptr<Heartbeat> heartbeat_;
  std::unique_ptr<Web> web_;
};

}  // namespace

int RunDaemon(int argc, char** argv, FunctionRegistry functions) {
  const sigset_t signals = BlockSignals();
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
  if (StartWatch(signals).StopSignal() != 0) return 0;  // whatever was read
  if (command_line.action == CommandLine::Action::kDoctor)
    return DiagnosePlace(command_line, configured, command_line.operand == "json");
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
  const std::string& data_dir = configured.loaded->config.data_dir;
  if (command_line.action == CommandLine::Action::kRestore) return Restore(command_line.operand, data_dir);
  if (command_line.action == CommandLine::Action::kRepair) return Repair(data_dir, command_line.operand);
  RegisterBuiltinFunctions(&functions);
  return Daemon(command_line, configured.loaded->config, std::move(functions), signals).Run();
}

}  // namespace covey
