#include "client/cli/exit_code.h"

namespace covey::cli {
namespace {

int CodeOr1(int32_t code) { return code >= 1 && code <= 255 ? code : kExitFailure; }

}  // namespace

int ExitCode(const v1::GroupResult& result) {
  const v1::Group& group = result.group();
  if (group.state() == v1::GROUP_STATE_SUCCEEDED) return 0;
  if (group.state() == v1::GROUP_STATE_CANCELLED) return kExitFailure;
  const bool by_own_timeout =
      group.failure().kind() == v1::FAILURE_KIND_TIMEOUT && group.failure().task().empty();
  if (by_own_timeout) return kExitTimeout;
  return ExitCode(result.has_first_failure() ? result.first_failure() : group.failure());
}

int ExitCode(const v1::Task& task) {
  if (task.state() == v1::TASK_STATE_SUCCEEDED) return 0;
  return task.state() == v1::TASK_STATE_FAILED ? ExitCode(task.failure()) : kExitFailure;
}

int ExitCode(const v1::Failure& failure) {
  switch (failure.kind()) {
    case v1::FAILURE_KIND_EXIT:
    case v1::FAILURE_KIND_ERROR:
    case v1::FAILURE_KIND_PANIC:
      return CodeOr1(failure.code());
    case v1::FAILURE_KIND_SIGNAL:
      return failure.code() >= 1 && failure.code() <= 64 ? kExitSignalBase + failure.code() : kExitFailure;
    case v1::FAILURE_KIND_TIMEOUT:
      return kExitTimeout;
    default:
      return kExitFailure;
  }
}

int ExitCode(const Error& error) {
  switch (error.code) {
    case ErrorCode::kUnavailable:
      return kExitUnavailable;
    case ErrorCode::kInvalidArgument:
      return kExitUsage;
    case ErrorCode::kDeadlineExceeded:
      return kExitTimeout;
    default:
      return kExitFailure;
  }
}

}  // namespace covey::cli
