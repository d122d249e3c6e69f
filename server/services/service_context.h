#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/engine/engine.h"
#include "core/engine/retention.h"
#include "core/executor/process_executor.h"
#include "core/run/thread_set.h"
#include "covey/function_registry.h"
#include "covey/result.h"
#include "server/doctor/finding.h"
#include "server/log/log.h"
#include "server/services/health.h"
#include "server/services/stream_stats.h"

namespace covey {

class AnswerRoom;

// What a reload of the configuration did, or would do at the next start.
struct Reloaded {
  struct Change {
    std::string key;  // "drain_timeout", "pools.batch"
    std::string before;
    std::string after;
  };
  std::vector<Change> changed;
  std::vector<Change> needs_restart;
};

// Gives the next piece of a backup; empty: the end. Blocks.
using BackupReader = std::function<Result<std::string>()>;

// What the services of one daemon share. Constant while the server runs; each part has its own
// synchronisation.
struct ServiceContext {
  Engine* engine = nullptr;
  Retention* retention = nullptr;  // null: nothing is purged by itself
  std::shared_ptr<const FunctionRegistry> functions;
  std::weak_ptr<const ProcessExecutor> processes;
  std::shared_ptr<ThreadSet> readers;  // for reads of files: never on a queue's thread
  std::shared_ptr<Budget>
      requests;  // bytes of the messages of clients that are being handled; null: no bound
  std::chrono::nanoseconds request_patience = std::chrono::seconds(5);  // with no room for a request
  std::string version;
  std::string instance_id;
  std::string process_control;
  std::vector<std::string> listen;
  std::chrono::system_clock::time_point start_time;
  std::chrono::steady_clock::time_point start_instant;
  std::shared_ptr<AnswerRoom> answers;         // for messages of streams; null: no bound
  std::chrono::nanoseconds reader_timeout{0};  // of RunGroup's output; 0: none
  std::string config_file;                     // absolute; empty: none
  std::function<void()> on_drain;              // told when Drain was called, or taken back
  // Opens a backup: what gives its next piece, empty at its end, and blocks.
  std::function<void(std::function<void(Result<BackupReader>)> done)> backup;
  std::shared_ptr<StreamStats> streams;            // null: streams are not counted
  const Health* health = nullptr;                  // null: always well
  std::function<Result<Reloaded>()> reload;        // blocks; from any thread
  std::function<std::vector<Finding>()> diagnose;  // likewise
  std::shared_ptr<Log> log;                        // null: nobody is told
};

using GroupPtr = Engine::GroupPtr;

}  // namespace covey
