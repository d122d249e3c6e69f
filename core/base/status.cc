#include "covey/status.h"

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

namespace {

constexpr std::string_view kEllipsis = "\u2026";

// True at the second and later bytes of a UTF-8 character.
bool Continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

constexpr int kMostContinued = 3;  // bytes of one character; with more of them it is no UTF-8

}  // namespace

Failure Bounded(Failure failure) {
  if (std::string& message = failure.message; message.size() > kMaxFailureMessage) {
    size_t end = kMaxFailureMessage - kEllipsis.size();
    for (int i = 0; i < kMostContinued && Continues(message[end]); ++i) --end;
    message.replace(end, std::string::npos, kEllipsis);
  }
  if (std::string& detail = failure.detail; detail.size() > kMaxFailureDetail) {
    size_t begin = detail.size() - (kMaxFailureDetail - kEllipsis.size());
    for (int i = 0; i < kMostContinued && Continues(detail[begin]); ++i) ++begin;
    detail.replace(0, begin, kEllipsis);
  }
  return failure;
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
  // Never destroyed: destructors of statics compare with it.
  static const auto* const kClosed = new Status(Rejected(Rejection::kClosed, "closed"));
  return *kClosed;
}

const Status& ErrDispatchTimeout() {
  static const auto* const kTimeout =
      new Status(Rejected(Rejection::kDispatchTimeout, "no slot was free before the context ended"));
  return *kTimeout;
}

bool Is(const Status& status, Rejection rejection) {
  return status.kind() == FailureKind::kRejected && status.failure().code == static_cast<int32_t>(rejection);
}

}  // namespace covey
