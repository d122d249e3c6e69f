#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "core/base/mutex.h"
#include "covey/status.h"
#include "server/config/config.h"
#include "server/daemon/heartbeat.h"
#include "server/daemon/listeners.h"
#include "server/edge/server.h"
#include "server/log/log.h"
#include "server/services/dispatcher.h"
#include "server/services/service_context.h"

namespace covey {

// What clients see of a daemon: its addresses and the services behind them.
//
// Life: Listen, Serve, Shutdown. Between the first two it answers that the daemon is starting, so that an
// address that cannot be had is found out before anything was recovered, and a long recovery can be watched.
//
// Thread safety: Listen, Serve and Shutdown from one thread; the rest from any.
class Frontend {
 public:
  // `config` outlives it.
  Frontend(const Config& config, std::shared_ptr<Log> log);
  ~Frontend();
  Frontend(const Frontend&) = delete;
  Frontend& operator=(const Frontend&) = delete;

  // Binds every address; the sockets have their permissions and their paths when it returns.
  Status Listen();
  // The addresses for clients, with the ports that were chosen. After Listen.
  const std::vector<std::string>& addresses() const { return listeners_.names(); }
  // Where a task finds the daemon: on a socket, if it listens on one.
  const std::string& AddressForTasks() const;
  // Lets calls in. What the context names outlives Shutdown.
  void Serve(ServiceContext context);
  // Of all calls. As long as this serves.
  const CallStats* call_stats() const { return &dispatcher_->stats(); }
  // Tells health checks: SERVING when the engine takes groups and the daemon is well. After Serve.
  void ShowServing() COVEY_EXCLUDES(serving_mutex_);
  // After Listen.
  void SetWell(bool well) COVEY_EXCLUDES(serving_mutex_);
  Status Permit(const Config& config) { return listeners_.Permit(config); }
  // One for each queue: its thread answers, and the engine behind it. After Serve.
  std::vector<Heartbeat::Probe> Probes();

  // The paths of the sockets are free; streams are told and get `grace` to end; all calls are over when it
  // returns. Idempotent.
  void Shutdown(std::chrono::milliseconds grace);

 private:
  // In place of one that could not listen.
  void MakeServer();

  const Config& config_;
  const std::shared_ptr<Log> log_;
  Listeners listeners_;
  ServiceContext context_;                  // empty until Serve: no handler runs before
  std::unique_ptr<Dispatcher> dispatcher_;  // of calls of server_
  std::unique_ptr<edge::Server> server_;

  Mutex serving_mutex_;  // held while the server is told, so that the last word is the last
  bool serving_ COVEY_GUARDED_BY(serving_mutex_) = false;
  bool well_ COVEY_GUARDED_BY(serving_mutex_) = true;
};

}  // namespace covey
