#pragma once

#include <grpcpp/support/status.h>

#include <string_view>

#include "core/base/error.h"

namespace covey::client {

// The inverse of the daemon's table: what a call that did not end with OK says. The reason is ErrorInfo's of
// domain "covey", the fields are BadRequest's, both from the trailer grpc-status-details-bin; without an
// ErrorInfo the reason is the name of the gRPC code, as in "UNAVAILABLE". Codes that covey does not use map
// to the nearest one that it does: ABORTED to kFailedPrecondition, OUT_OF_RANGE to kInvalidArgument, the rest
// to kInternal. Requires !status.ok().
Error FromGrpc(const grpc::Status& status);

}  // namespace covey::client
