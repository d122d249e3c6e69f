#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace covey {

// Why something did not succeed. The numbers are stored in journals: never renumber.
enum class FailureKind : uint8_t {
  kNone = 0,
  kError = 1,      // a runner returned a failure
  kPanic = 2,      // an exception left a runner
  kExit = 3,       // a process exited with a code other than 0, or could not start (126, 127)
  kSignal = 4,     // a process ended by a signal
  kTimeout = 5,    // a deadline passed
  kCancelled = 6,  // cancelled, by itself, with its group or with its owner
  kLost = 7,       // the daemon that ran it died
  kRejected = 8,   // refused: never admitted
};

// "error", "panic", …; "none" for kNone.
std::string_view Name(FailureKind kind);

// A failure as a plain value. `code` is the exit code for kExit, the signal number for kSignal, a Rejection
// for kRejected, else whatever the runner chose (0 when it chose nothing).
struct Failure {
  FailureKind kind = FailureKind::kError;
  int32_t code = 0;
  std::string message{};
  std::string detail{};  // stack of a panic, or the tail of stderr; may be empty
  std::string task{};    // name of the task that failed; empty outside groups
  uint32_t attempt = 0;  // 1, 2, …; 0 outside groups
};

// What a Failure may hold where it is kept, in bytes.
inline constexpr size_t kMaxFailureMessage = 1024;
inline constexpr size_t kMaxFailureDetail = 4096;

// The failure within these bounds: the beginning of its message, the end of its detail. An ellipsis stands
// for what was cut off, and no UTF-8 character is cut in two.
Failure Bounded(Failure failure);

// Codes of kRejected.
enum class Rejection : int32_t {
  kClosed = 1,           // the pool or the closer is closed
  kDispatchTimeout = 2,  // the caller's context ended before a slot was free
  kSealed = 3,           // the group is sealed
  kDecided = 4,          // the group's outcome is decided already
};

// Success, or a Failure. Copies share one immutable Failure, so a Status may be copied across threads.
class [[nodiscard]] Status {
 public:
  Status() = default;
  // A failure.
  Status(Failure failure)  // NOLINT(google-explicit-constructor): a Failure is a Status
      : failure_(std::make_shared<const Failure>(std::move(failure))) {}

  // A success, and a failure of kind error.
  static Status Ok() { return {}; }
  static Status Error(std::string message, int32_t code = 0);

  // Whether it is a success.
  bool ok() const { return failure_ == nullptr; }
  explicit operator bool() const { return ok(); }

  // Requires !ok().
  const Failure& failure() const { return *failure_; }
  // kNone and "" when ok().
  FailureKind kind() const { return ok() ? FailureKind::kNone : failure_->kind; }
  std::string_view message() const { return ok() ? std::string_view() : failure_->message; }

  // "OK", or "task resize: exit 3: convert: no such file".
  std::string ToString() const;

 private:
  std::shared_ptr<const Failure> failure_;
};

// The refusals that callers compare with: Is(status, Rejection::kClosed).
const Status& ErrClosed();
const Status& ErrDispatchTimeout();
bool Is(const Status& status, Rejection rejection);

}  // namespace covey
