#include "client/error_table.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

namespace covey::client {
namespace {

using rpc::Code;

struct Row {
  Code rpc_code;
  ErrorCode code;
  std::string_view reason;  // when the daemon gave none
};

constexpr Row kTable[] = {
    {Code::kCancelled, ErrorCode::kCancelled, "CANCELLED"},
    {Code::kUnknown, ErrorCode::kInternal, "UNKNOWN"},
    {Code::kInvalidArgument, ErrorCode::kInvalidArgument, "INVALID_ARGUMENT"},
    {Code::kDeadlineExceeded, ErrorCode::kDeadlineExceeded, "DEADLINE_EXCEEDED"},
    {Code::kNotFound, ErrorCode::kNotFound, "NOT_FOUND"},
    {Code::kAlreadyExists, ErrorCode::kAlreadyExists, "ALREADY_EXISTS"},
    {Code::kPermissionDenied, ErrorCode::kPermissionDenied, "PERMISSION_DENIED"},
    {Code::kUnauthenticated, ErrorCode::kInternal, "UNAUTHENTICATED"},
    {Code::kResourceExhausted, ErrorCode::kResourceExhausted, "RESOURCE_EXHAUSTED"},
    {Code::kFailedPrecondition, ErrorCode::kFailedPrecondition, "FAILED_PRECONDITION"},
    {Code::kAborted, ErrorCode::kFailedPrecondition, "ABORTED"},
    {Code::kOutOfRange, ErrorCode::kInvalidArgument, "OUT_OF_RANGE"},
    {Code::kUnimplemented, ErrorCode::kUnimplemented, "UNIMPLEMENTED"},
    {Code::kInternal, ErrorCode::kInternal, "INTERNAL"},
    {Code::kUnavailable, ErrorCode::kUnavailable, "UNAVAILABLE"},
    {Code::kDataLoss, ErrorCode::kDataLoss, "DATA_LOSS"},
};

void AddDetails(std::string_view bytes, Error* error, std::optional<std::chrono::nanoseconds>* retry_after) {
  std::optional<rpc::StatusDetails> details = rpc::Decode(bytes);
  if (!details) return;
  for (rpc::ErrorInfo& info : details->error_infos) {
    if (info.domain == "covey" && !info.reason.empty()) error->reason = std::move(info.reason);
  }
  for (rpc::FieldViolation& violation : details->field_violations) {
    error->fields.push_back(
        {.field = std::move(violation.field), .description = std::move(violation.description)});
  }
  if (retry_after != nullptr) *retry_after = details->retry_delay;
}

Error OutOfReach(std::string_view cause, const std::string& address) {
  constexpr std::string_view kLast = "last error: ";
  constexpr std::string_view kUnknown = "UNKNOWN: ";
  const bool never_reached =
      cause.starts_with("failed to connect") || cause.starts_with("DNS resolution failed");
  if (const size_t last = cause.find(kLast); last != std::string_view::npos)
    cause.remove_prefix(last + kLast.size());
  if (cause.starts_with(kUnknown)) cause.remove_prefix(kUnknown.size());
  Error error{.code = ErrorCode::kUnavailable, .reason = "CONNECTION_LOST", .message = {}, .fields = {}};
  const bool not_allowed = cause.find("Permission denied") != std::string_view::npos;
  if (never_reached && not_allowed) {
    error.reason = "UNREACHABLE";
    error.message = "no permission to use the daemon at " + address +
                    " (Permission denied): it is for its user and the group of its socket (socket_mode, "
                    "socket_group)";
  } else if (never_reached) {
    error.reason = "UNREACHABLE";
    error.message = "cannot reach the daemon at " + address + " (" + std::string(cause) +
                    "); start it with coveyd, or set COVEY_ADDRESS to where it listens";
  } else {
    error.message = "lost the daemon at " + address + " (" + std::string(cause) + ")";
  }
  return error;
}

}  // namespace

Error ErrorOf(const CallEnd& end, const std::string& address,
              std::optional<std::chrono::nanoseconds>* retry_after) {
  if (retry_after != nullptr) retry_after->reset();
  if (end.details.empty() &&
      (end.code == Code::kUnavailable || (end.code == Code::kCancelled && !end.cancelled))) {
    return OutOfReach(end.message, address);
  }
  Error error{.code = ErrorCode::kInternal, .reason = "UNKNOWN", .message = end.message, .fields = {}};
  const Row* const row = std::find_if(std::begin(kTable), std::end(kTable),
                                      [&end](const Row& one) { return one.rpc_code == end.code; });
  if (row != std::end(kTable)) {
    error.code = row->code;
    error.reason = row->reason;
  }
  AddDetails(end.details, &error, retry_after);
  if (error.message.empty()) {
    error.message = error.code == ErrorCode::kUnimplemented
                        ? "this daemon does not know that call; it is older than its client"
                        : "the daemon gave no message";
  }
  return error;
}

}  // namespace covey::client
