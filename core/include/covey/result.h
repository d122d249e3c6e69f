#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <variant>
#include <vector>

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
  std::string reason{};
  std::string message{};
  std::vector<FieldViolation> fields{};  // of kInvalidArgument
};

// A value, or why there is none. To ask for the one that is not there ends the program.
template <typename T>
class [[nodiscard]] Result {
 public:
  // With a value, or without one and why.
  Result(T value) : value_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : value_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  // Whether there is a value.
  bool ok() const { return std::holds_alternative<T>(value_); }
  // Requires ok().
  T& value() {
    RequireValue();
    return std::get<T>(value_);
  }
  const T& value() const {
    RequireValue();
    return std::get<T>(value_);
  }
  // Requires !ok().
  const Error& error() const {
    if (ok()) [[unlikely]] {
      std::fputs("covey: error() of a call that succeeded\n", stderr);
      std::abort();
    }
    return std::get<Error>(value_);
  }

 private:
  void RequireValue() const {
    if (ok()) [[likely]]
      return;
    const Error& error = std::get<Error>(value_);
    std::fprintf(stderr, "covey: value() of a call that failed: %s: %s\n", error.reason.c_str(),
                 error.message.c_str());
    std::abort();
  }

  std::variant<T, Error> value_;
};

// For calls that answer nothing.
struct Void {};

}  // namespace covey
