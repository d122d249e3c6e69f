#pragma once

#include <grpcpp/support/status.h>

#include <string_view>

#include "covey/result.h"

namespace covey {

// The one table from refusals to what goes over the wire: code, message, and, in the trailer
// grpc-status-details-bin, google.rpc.ErrorInfo (domain "covey") and BadRequest. The client holds its
// inverse.
grpc::Status ToGrpc(const Error& error);

}  // namespace covey
