#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/mutex.h"
#include "core/engine/engine.h"
#include "core/engine/retention.h"
#include "core/output/file_output_store.h"
#include "covey/result.h"
#include "server/config/command_line.h"
#include "server/log/log.h"
#include "server/services/service_context.h"

namespace covey {

// What the configuration says of the log.
LogSettings LogSettingsOf(const Config& config);

// The configuration of a daemon that runs: what it was started with, and what a reload has changed since.
//
// A reload reads the file again, under the flags of the start. With anything wrong it changes nothing;
// otherwise what can change while running does, all of it, and what cannot is named and waits for a restart.
// Pools that were set by UpdatePool go back to what the file says.
//
// Thread safety: all of it. Lock order: mutex_, then those of what it changes.
class LiveConfig {
 public:
  // What a reload changes. They outlive it.
  struct Parts {
    Engine* engine = nullptr;
    FileOutputStore* output = nullptr;
    Retention* retention = nullptr;
    std::shared_ptr<Log> log;
    // The permissions of the sockets; a failure refuses the reload.
    std::function<Status(const Config& config)> permit;
  };

  LiveConfig(CommandLine command_line, Config config)
      : command_line_(std::move(command_line)), start_(config), config_(std::move(config)) {}

  // Before the first Reload.
  void SetParts(Parts parts) COVEY_EXCLUDES(mutex_);
  const std::string& file() const { return command_line_.config_file; }
  // What was said last. Of settings that are not live it may not hold yet.
  Config current() const COVEY_EXCLUDES(mutex_);
  // The same, but of settings that are not live what the daemon was started with, and of the others pools and retention
  // alone.
  Config in_force() const COVEY_EXCLUDES(mutex_);
  // How the file, as it is now, differs from that; nothing without one.
  struct Compared {
    std::vector<std::string> problems;       // why a reload would be refused, a line each
    std::vector<std::string> needs_restart;  // keys
  };
  Compared Compare() const;

  // kFailedPrecondition: there is no file (NO_CONFIG_FILE), or the sockets cannot have these permissions
  // (CONFIG_NOT_APPLIED); kInvalidArgument (CONFIG_INVALID) says what is wrong with it. Tells the log.
  // Blocks.
  Result<Reloaded> Reload() COVEY_EXCLUDES(mutex_);

 private:
  Result<Reloaded> ReloadLocked() COVEY_REQUIRES(mutex_);
  std::vector<Reloaded::Change> PoolChangesLocked(const Config& next) const COVEY_REQUIRES(mutex_);

  const CommandLine command_line_;
  const Config start_;
  mutable Mutex mutex_;
  Parts parts_ COVEY_GUARDED_BY(mutex_);
  Config config_ COVEY_GUARDED_BY(mutex_);
};

}  // namespace covey
