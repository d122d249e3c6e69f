#include "core/base/status.h"

namespace covey {

std::string_view Name(FailureKind kind) {
  switch (kind) {
    case FailureKind::kNone:
      return "none";
    case FailureKind::kError:
      return "error";
    case FailureKind::kPanic:
      return "panic";
    case FailureKind::kExit:
      return "exit";
    case FailureKind::kSignal:
      return "signal";
    case FailureKind::kTimeout:
      return "timeout";
    case FailureKind::kCancelled:
      return "cancelled";
    case FailureKind::kLost:
      return "lost";
    case FailureKind::kRejected:
      return "rejected";
  }
  return "unknown";
}

Status Status::Error(std::string message, int32_t code) {
  return Failure{.kind = FailureKind::kError, .code = code, .message = std::move(message)};
}

std::string Status::ToString() const {
  if (ok()) return "OK";
  std::string text;
  if (!failure_->task.empty()) text += "task " + failure_->task + ": ";
  text += Name(failure_->kind);
  if (failure_->code != 0 && failure_->kind != FailureKind::kRejected)
    text += ' ' + std::to_string(failure_->code);
  if (!failure_->message.empty()) text += ": " + failure_->message;
  return text;
}

namespace {
Failure Rejected(Rejection rejection, std::string message) {
  return Failure{
      .kind = FailureKind::kRejected, .code = static_cast<int32_t>(rejection), .message = std::move(message)};
}
}  // namespace

const Status& ErrClosed() {
  static const Status kClosed = Rejected(Rejection::kClosed, "closed");
  return kClosed;
}

const Status& ErrDispatchTimeout() {
  static const Status kTimeout =
      Rejected(Rejection::kDispatchTimeout, "no slot was free before the context ended");
  return kTimeout;
}

bool Is(const Status& status, Rejection rejection) {
  return status.kind() == FailureKind::kRejected && status.failure().code == static_cast<int32_t>(rejection);
}

}  // namespace covey
