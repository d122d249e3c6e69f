#include "server/edge/errors.h"

#include <string>

namespace covey::edge {
namespace {

constexpr const char* kCallCancelled = "CALL_CANCELLED";
constexpr const char* kShuttingDown = "SHUTTING_DOWN";

}  // namespace

grpc::StatusCode ToStatusCode(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return grpc::StatusCode::INVALID_ARGUMENT;
    case ErrorCode::kNotFound:
      return grpc::StatusCode::NOT_FOUND;
    case ErrorCode::kAlreadyExists:
      return grpc::StatusCode::ALREADY_EXISTS;
    case ErrorCode::kPermissionDenied:
      return grpc::StatusCode::PERMISSION_DENIED;
    case ErrorCode::kFailedPrecondition:
      return grpc::StatusCode::FAILED_PRECONDITION;
    case ErrorCode::kResourceExhausted:
      return grpc::StatusCode::RESOURCE_EXHAUSTED;
    case ErrorCode::kUnavailable:
      return grpc::StatusCode::UNAVAILABLE;
    case ErrorCode::kCancelled:
      return grpc::StatusCode::CANCELLED;
    case ErrorCode::kDeadlineExceeded:
      return grpc::StatusCode::DEADLINE_EXCEEDED;
    case ErrorCode::kUnimplemented:
      return grpc::StatusCode::UNIMPLEMENTED;
    case ErrorCode::kInternal:
      return grpc::StatusCode::INTERNAL;
    case ErrorCode::kDataLoss:
      return grpc::StatusCode::DATA_LOSS;
  }
  return grpc::StatusCode::INTERNAL;
}

grpc::Status ToStatus(const Error& error) { return {ToStatusCode(error.code), error.message}; }

Error CallCancelled() {
  return {.code = ErrorCode::kCancelled, .reason = kCallCancelled, .message = "the call was cancelled"};
}

Error ServerStopping() {
  return {.code = ErrorCode::kUnavailable, .reason = kShuttingDown, .message = "the server is shutting down"};
}

Error ServerStarting() {
  return {.code = ErrorCode::kUnavailable, .reason = "STARTING", .message = "the server is starting"};
}

bool EndsCall(const Error& error) { return error.reason == kCallCancelled || error.reason == kShuttingDown; }

Error MalformedMessage(std::string_view type, size_t size) {
  return {.code = ErrorCode::kInvalidArgument,
          .reason = "MALFORMED_MESSAGE",
          .message = "a message of " + std::to_string(size) + " bytes must be a valid " + std::string(type) +
                     ": it cannot be parsed, or one of its strings is not UTF-8"};
}

Error AnswerTooLarge(size_t size, size_t limit) {
  return {.code = ErrorCode::kResourceExhausted,
          .reason = "ANSWER_TOO_LARGE",
          .message = "an answer must have at most " + std::to_string(limit) + " bytes, this one would have " +
                     std::to_string(size)};
}

}  // namespace covey::edge
