#pragma once

#include <grpcpp/support/status.h>

#include <cstddef>
#include <string_view>

#include "covey/result.h"

// What the edge itself says of a call, and the one table from covey's codes to gRPC's.
namespace covey::edge {

grpc::StatusCode ToStatusCode(ErrorCode code);
// Code and message alone; the services add details.
grpc::Status ToStatus(const Error& error);

// CANCELLED: the client cancelled or went away, or the deadline passed. It will not see this.
Error CallCancelled();
// UNAVAILABLE: the server is stopping.
Error ServerStopping();
// UNAVAILABLE: the server listens and does not serve yet. The call was not made.
Error ServerStarting();
// One of these two: nobody waits for the answer, or the call must be made again elsewhere.
bool EndsCall(const Error& error);
// INVALID_ARGUMENT: `size` bytes that are no message of `type` ("covey.v1.SubmitTasksRequest").
Error MalformedMessage(std::string_view type, size_t size);
// RESOURCE_EXHAUSTED: an answer of `size` bytes where `limit` may be sent.
Error AnswerTooLarge(size_t size, size_t limit);

}  // namespace covey::edge
