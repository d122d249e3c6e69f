#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// google.rpc.Status with the details that covey uses, as it travels in the trailer grpc-status-details-bin
// (https://google.aip.dev/193): written and read by hand, wire-compatible with Google's messages. Generated
// code would register them under Google's names, and a program that links Google's own ends at its start.
namespace covey::rpc {

// The codes of gRPC, as in google.rpc.Code.
enum class Code : int32_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// google.rpc.ErrorInfo: why a call failed, for programs.
struct ErrorInfo {
  std::string reason;  // a constant such as "GROUP_NOT_FOUND"
  std::string domain;  // who defines the reason, as in "covey"
  std::map<std::string, std::string> metadata;
};

// google.rpc.BadRequest.FieldViolation: one bad field.
struct FieldViolation {
  std::string field;  // its path, as in "tasks[2].process.argv"
  std::string description;
};

// google.rpc.Status. Details of other types are dropped by Decode.
struct StatusDetails {
  Code code = Code::kOk;
  std::string message;
  std::vector<ErrorInfo> error_infos;
  std::vector<FieldViolation> field_violations;         // of all BadRequests
  std::optional<std::chrono::nanoseconds> retry_delay;  // of RetryInfo: try again after this time
};

std::string Encode(const StatusDetails& status);

// nullopt when `bytes` are no google.rpc.Status. A detail that cannot be read is dropped like one of an
// unknown type. Strings are as they came, not checked to be UTF-8. Takes any bytes.
std::optional<StatusDetails> Decode(std::string_view bytes);

}  // namespace covey::rpc
