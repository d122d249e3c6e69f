#pragma once

#include <memory>
#include <string>

#include "core/engine/engine.h"
#include "core/engine/retention.h"
#include "core/executor/process_executor.h"
#include "covey/function_registry.h"
#include "covey/status.h"
#include "server/config/config.h"
#include "server/daemon/stores.h"
#include "server/log/log.h"
#include "server/metrics/metrics.h"

namespace covey {

// What a daemon is there for: its groups, and what runs their tasks.
//
// Life: Recover, Run; destroyed with its stores still there, which it closes.
//
// Thread safety: none; the engine has its own.
class Work {
 public:
  // `address`: where tasks find the daemon.
  Work(const Config& config, Stores& stores, std::string address,
       std::shared_ptr<const FunctionRegistry> functions, std::shared_ptr<Log> log);
  ~Work();
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  // Kills the processes that an earlier run has left and recovers its groups, as long as the watcher lets it.
  // Starts nothing. Blocks.
  Status Recover(const RecoveryWatcher& watcher);
  // What waits may start. Cannot fail.
  void Run();

  // After Recover.
  Engine& engine() { return *engine_; }
  Retention& retention() { return *retention_; }
  const std::shared_ptr<ProcessExecutor>& processes() const { return processes_; }
  const std::shared_ptr<const FunctionRegistry>& functions() const { return functions_; }
  // Filled by Recover, and from then on.
  const metrics::WorkCounts& counts() const { return *counts_; }
  // How process trees are followed: "cgroup …" or "subreaper …".
  const std::string& process_control() const { return processes_->supervisor().mechanism(); }

 private:
  Status MakeProcesses();

  const Config& config_;
  Stores& stores_;
  const std::string address_;
  const std::shared_ptr<const FunctionRegistry> functions_;
  const std::shared_ptr<Log> log_;
  const std::shared_ptr<metrics::WorkCounts> counts_ = std::make_shared<metrics::WorkCounts>();
  std::shared_ptr<ProcessExecutor> processes_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Retention> retention_;
};

}  // namespace covey
