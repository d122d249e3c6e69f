#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "covey/result.h"
#include "proto/rpc_status.h"

namespace covey::client {

// How a call ended that did not end well.
struct CallEnd {
  rpc::Code code = rpc::Code::kUnknown;
  std::string message;
  std::string details;     // the trailer grpc-status-details-bin
  bool cancelled = false;  // by this client
};

// The inverse of the daemon's table. The reason is ErrorInfo's of domain "covey", the fields are
// BadRequest's, and `retry_after`, when it is there, is told RetryInfo's; without an ErrorInfo the reason is the name of the gRPC code, as in "NOT_FOUND". Codes that
// covey does not use map to the nearest one that it does: ABORTED to kFailedPrecondition, OUT_OF_RANGE to
// kInvalidArgument, the rest to kInternal.
//
// UNAVAILABLE without details is the transport's word, not the daemon's: kUnavailable, reason UNREACHABLE
// when there was no connection to `address`, CONNECTION_LOST when there had been one. So is CANCELLED when
// nobody here has cancelled: gRPC answers so when a call meets a daemon that is being stopped.
Error ErrorOf(const CallEnd& end, const std::string& address,
              std::optional<std::chrono::nanoseconds>* retry_after = nullptr);

}  // namespace covey::client
