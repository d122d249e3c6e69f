#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/check.h"

namespace covey {

// Why a call was refused, in the vocabulary of gRPC's status codes
// (https://grpc.github.io/grpc/core/md_doc_statuscodes.html).
enum class ErrorCode : uint8_t {
  kInvalidArgument,
  kNotFound,
  kAlreadyExists,
  kPermissionDenied,
  kFailedPrecondition,
  kResourceExhausted,
  kUnavailable,
  kCancelled,
  kDeadlineExceeded,
  kUnimplemented,
  kInternal,
  kDataLoss,  // what was kept is damaged or gone
};

// One bad field of a request: its path, as in "tasks[2].process.argv", and what would be right.
struct FieldViolation {
  std::string field;
  std::string description;
};

// A refused call. `reason` is a stable constant for programs, as in "GROUP_NOT_FOUND".
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string reason;
  std::string message;
  std::vector<FieldViolation> fields;  // of kInvalidArgument
};

// A value, or why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : value_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return std::holds_alternative<T>(value_); }
  // Requires ok().
  T& value() {
    COVEY_CHECK(ok());
    return std::get<T>(value_);
  }
  const T& value() const {
    COVEY_CHECK(ok());
    return std::get<T>(value_);
  }
  // Requires !ok().
  const Error& error() const { return std::get<Error>(value_); }

 private:
  std::variant<T, Error> value_;
};

// For calls that answer nothing.
struct Void {};

}  // namespace covey
