#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "client/connection.h"
#include "client/retry.h"

namespace covey::client {

// How to talk to the daemon.
struct ConnectOptions {
  // Longest time that one attempt to connect may take.
  std::chrono::milliseconds connect_timeout{5'000};
  // While a call is open and nothing arrives for this long, the daemon is pinged …
  std::chrono::milliseconds keepalive_time{20'000};
  // … and taken for dead when it does not answer within this.
  std::chrono::milliseconds keepalive_timeout{10'000};
  // How a restart of the daemon is bridged.
  RetryPolicy retry;
};

// The connection over a gRPC channel to `address`, in the spelling that ParseAddress returns. Connects with
// the first call and again after a loss; no call waits for a daemon that is out of reach: it fails at once
// with kUnavailable, reason UNREACHABLE, and a message that says how to start one. The reason is
// CONNECTION_LOST when the daemon went away during a call.
std::shared_ptr<Connection> MakeGrpcConnection(std::string address, const ConnectOptions& options);

}  // namespace covey::client
