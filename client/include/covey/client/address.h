#pragma once

#include <string>
#include <string_view>

#include "covey/result.h"

namespace covey::client {

// The port that coveyd usually listens on.
inline constexpr int kDefaultPort = 7425;

// An address as people write it, in gRPC's spelling: "unix:PATH" and a bare "/PATH" are sockets, "HOST:PORT",
// "[IPV6]:PORT" and a bare "HOST" (port 7425) are TCP. kInvalidArgument for anything else.
Result<std::string> ParseAddress(std::string_view address);

// Where the daemon is when nobody said: COVEY_ADDRESS when set, else the socket that coveyd makes by default:
// /run/covey/coveyd.sock for root, $XDG_RUNTIME_DIR/covey/coveyd.sock for others (kFailedPrecondition when
// that variable is not set).
Result<std::string> DefaultAddress();

// True for a socket, that is, for a daemon on this machine.
bool IsLocal(std::string_view parsed_address);

}  // namespace covey::client
