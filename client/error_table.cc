#include "client/error_table.h"

#include <string>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace covey::client {
namespace {

struct Row {
  grpc::StatusCode grpc_code;
  ErrorCode code;
  std::string_view reason;  // when the daemon gave none
};

constexpr Row kTable[] = {
    {grpc::StatusCode::CANCELLED, ErrorCode::kCancelled, "CANCELLED"},
    {grpc::StatusCode::UNKNOWN, ErrorCode::kInternal, "UNKNOWN"},
    {grpc::StatusCode::INVALID_ARGUMENT, ErrorCode::kInvalidArgument, "INVALID_ARGUMENT"},
    {grpc::StatusCode::DEADLINE_EXCEEDED, ErrorCode::kDeadlineExceeded, "DEADLINE_EXCEEDED"},
    {grpc::StatusCode::NOT_FOUND, ErrorCode::kNotFound, "NOT_FOUND"},
    {grpc::StatusCode::ALREADY_EXISTS, ErrorCode::kAlreadyExists, "ALREADY_EXISTS"},
    {grpc::StatusCode::PERMISSION_DENIED, ErrorCode::kPermissionDenied, "PERMISSION_DENIED"},
    {grpc::StatusCode::UNAUTHENTICATED, ErrorCode::kInternal, "UNAUTHENTICATED"},
    {grpc::StatusCode::RESOURCE_EXHAUSTED, ErrorCode::kResourceExhausted, "RESOURCE_EXHAUSTED"},
    {grpc::StatusCode::FAILED_PRECONDITION, ErrorCode::kFailedPrecondition, "FAILED_PRECONDITION"},
    {grpc::StatusCode::ABORTED, ErrorCode::kFailedPrecondition, "ABORTED"},
    {grpc::StatusCode::OUT_OF_RANGE, ErrorCode::kInvalidArgument, "OUT_OF_RANGE"},
    {grpc::StatusCode::UNIMPLEMENTED, ErrorCode::kUnimplemented, "UNIMPLEMENTED"},
    {grpc::StatusCode::INTERNAL, ErrorCode::kInternal, "INTERNAL"},
    {grpc::StatusCode::UNAVAILABLE, ErrorCode::kUnavailable, "UNAVAILABLE"},
    {grpc::StatusCode::DATA_LOSS, ErrorCode::kDataLoss, "DATA_LOSS"},
};

void AddDetails(const std::string& bytes, Error* error) {
  google::rpc::Status details;
  if (bytes.empty() || !details.ParseFromString(bytes)) return;
  for (const google::protobuf::Any& any : details.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::BadRequest bad;
    if (any.Is<google::rpc::ErrorInfo>() && any.UnpackTo(&info)) {
      if (info.domain() == "covey" && !info.reason().empty()) error->reason = info.reason();
    } else if (any.Is<google::rpc::BadRequest>() && any.UnpackTo(&bad)) {
      for (const auto& violation : bad.field_violations()) {
        error->fields.push_back({.field = violation.field(), .description = violation.description()});
      }
    }
  }
}

}  // namespace

Error FromGrpc(const grpc::Status& status) {
  Error error{
      .code = ErrorCode::kInternal, .reason = "UNKNOWN", .message = status.error_message(), .fields = {}};
  for (const Row& row : kTable) {
    if (row.grpc_code != status.error_code()) continue;
    error.code = row.code;
    error.reason = row.reason;
  }
  AddDetails(status.error_details(), &error);
  if (error.message.empty()) {
    error.message = error.code == ErrorCode::kUnimplemented
                        ? "this daemon does not know that call; it is older than its client"
                        : "the daemon gave no message";
  }
  return error;
}

}  // namespace covey::client
