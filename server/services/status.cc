#include "server/services/status.h"

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace covey {
namespace {

// gRPC refuses header lists over 8 KiB by default, and a call would end without its status.
constexpr size_t kMaxMessage = 1024;
constexpr size_t kMaxDetails = 4096;

grpc::StatusCode CodeOf(ErrorCode code) {
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

// At most `limit` bytes, cut between characters.
std::string Shorten(const std::string& text, size_t limit) {
  if (text.size() <= limit) return text;
  size_t end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

}  // namespace

grpc::Status ToGrpc(const Error& error) {
  const std::string message = Shorten(error.message, kMaxMessage);
  google::rpc::Status status;
  status.set_code(CodeOf(error.code));
  status.set_message(message);
  google::rpc::ErrorInfo info;
  info.set_reason(error.reason);
  info.set_domain("covey");
  status.add_details()->PackFrom(info);
  if (!error.fields.empty()) {
    google::rpc::BadRequest bad;
    for (const FieldViolation& violation : error.fields) {
      google::rpc::BadRequest::FieldViolation* out = bad.add_field_violations();
      out->set_field(Shorten(violation.field, 256));
      out->set_description(Shorten(violation.description, 512));
      if (bad.ByteSizeLong() > kMaxDetails && bad.field_violations_size() > 1) {
        bad.mutable_field_violations()->RemoveLast();
        break;
      }
    }
    status.add_details()->PackFrom(bad);
  }
  return grpc::Status(CodeOf(error.code), message, status.SerializeAsString());
}

}  // namespace covey
