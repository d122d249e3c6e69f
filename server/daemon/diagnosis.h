#pragma once

#include <string>
#include <vector>

#include "core/engine/engine.h"
#include "core/engine/retention.h"
#include "core/executor/process_executor.h"
#include "server/config/command_line.h"
#include "server/daemon/live_config.h"
#include "server/doctor/finding.h"
#include "server/services/health.h"

namespace covey {

// What a daemon that runs, and its place, look like. Blocks, on the disk as well; from any thread.
struct RunningDaemon {
  const LiveConfig& live;
  Engine& engine;
  Retention& retention;
  const ProcessSupervisor& supervisor;
  const Health& health;
};
std::vector<Finding> Diagnose(const RunningDaemon& daemon);

// The same of a place where no daemon needs to run, printed to standard output, as a line of JSON when that is asked
// for. Returns the exit code: 1 when something is wrong.
int DiagnosePlace(const CommandLine& command_line, const ConfigResult& configured, bool json);

}  // namespace covey
