#pragma once

#include <memory>
#include <string>

#include "core/base/mutex.h"
#include "covey/status.h"
#include "server/config/config.h"
#include "server/daemon/unix_socket.h"
#include "server/gateway/http_server.h"
#include "server/metrics/metrics.h"
#include "server/services/health.h"

namespace covey {

// What a daemon serves over HTTP: /metrics, /healthz (it answers), /readyz (it takes work; else 503 and why not).
//
// Life: Listen, Serve, Stopping, destruction, before the engine goes. Thread safety: from one thread.
class Web {
 public:
  // `health` outlives it.
  Web(const Config& config, const Health& health);
  ~Web();
  Web(const Web&) = delete;
  Web& operator=(const Web&) = delete;

  // Binds the address, if there is one, and answers from now on.
  Status Listen();
  // Where, with the port that was chosen; empty: nowhere. After Listen.
  const std::string& address() const { return address_; }
  // What the sources name is there until the destruction of this.
  void Serve(metrics::Sources sources) COVEY_EXCLUDES(mutex_);
  void Stopping() COVEY_EXCLUDES(mutex_);

 private:
  enum class Phase : uint8_t { kStarting, kServing, kStopping };

  Status Bind(UniqueFd* listener);
  HttpAnswer Ready() const COVEY_EXCLUDES(mutex_);
  HttpAnswer Metrics() const COVEY_EXCLUDES(mutex_);

  const Config& config_;
  const Health& health_;
  std::string address_;
  std::unique_ptr<UnixSocket> socket_;  // null: it is a port

  mutable Mutex mutex_;  // not held while anything is asked
  Phase phase_ COVEY_GUARDED_BY(mutex_) = Phase::kStarting;
  metrics::Sources sources_ COVEY_GUARDED_BY(mutex_);

  std::unique_ptr<HttpServer> server_;
};

}  // namespace covey
