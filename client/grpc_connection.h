#pragma once

#include <memory>
#include <string>

#include "covey/client/connection.h"

namespace covey::client {

// The connection over a gRPC channel to `address`, in the spelling that ParseAddress returns. Connects with
// the first call and again after a loss; no call waits for a daemon that is out of reach: it fails at once
// with kUnavailable, reason UNREACHABLE, and a message that says how to start one. The reason is
// CONNECTION_LOST when the daemon went away during a call.
std::shared_ptr<Connection> MakeGrpcConnection(std::string address, const ConnectOptions& options);

}  // namespace covey::client
