#include <utility>

#include "server/convert/convert.h"
#include "server/convert/utf8.h"

namespace covey {
namespace {

v1::TaskState AfterExit(state::Ending result) {
  switch (result) {
    case state::Ending::kNone:
      return v1::TASK_STATE_QUEUED;
    case state::Ending::kSucceeded:
      return v1::TASK_STATE_SUCCEEDED;
    case state::Ending::kFailed:
      return v1::TASK_STATE_FAILED;
    case state::Ending::kStopped:
      return v1::TASK_STATE_STOPPED;
  }
  return v1::TASK_STATE_UNSPECIFIED;
}

v1::GroupState StateOf(state::Outcome outcome) {
  switch (outcome) {
    case state::Outcome::kNone:
      return v1::GROUP_STATE_UNSPECIFIED;
    case state::Outcome::kSucceeded:
      return v1::GROUP_STATE_SUCCEEDED;
    case state::Outcome::kFailed:
      return v1::GROUP_STATE_FAILED;
    case state::Outcome::kCancelled:
      return v1::GROUP_STATE_CANCELLED;
  }
  return v1::GROUP_STATE_UNSPECIFIED;
}

// The cause: in full where it was recorded, else its kind and code.
void FillFailure(const Record& record, v1::Failure* out) {
  if (record.failure != nullptr) {
    *out = covey::ToProto(*record.failure);
    return;
  }
  out->set_kind(covey::ToProto(record.event.failure));
  out->set_code(record.event.code);
}

}  // namespace

// Both enums count alike (a test says so); the casts keep the hot path short.
v1::EventKind ToProto(state::EventKind kind) { return static_cast<v1::EventKind>(kind); }
state::EventKind ToCore(v1::EventKind kind) { return static_cast<state::EventKind>(kind); }
v1::FailureKind ToProto(FailureKind kind) { return static_cast<v1::FailureKind>(kind); }

v1::Failure ToProto(const Failure& failure) {
  // Bounded once more: bytes that are no UTF-8 grow here, and a journal may hold what was not bounded yet.
  Failure texts = Bounded({.message = ToUtf8(failure.message), .detail = ToUtf8(failure.detail)});
  v1::Failure out;
  out.set_kind(ToProto(failure.kind));
  out.set_code(failure.code);
  out.set_message(std::move(texts.message));
  out.set_detail(std::move(texts.detail));
  out.set_task(ToUtf8(failure.task));
  out.set_attempt(failure.attempt);
  return out;
}

void ToProto(std::string_view group, const Record& record, v1::Event* out) {
  const state::Event& event = record.event;
  out->set_group_id(group.data(), group.size());
  out->set_number(record.number);
  *out->mutable_time() = ToProto(record.time);
  out->set_kind(ToProto(event.kind));
  if (event.task != state::kNoTask) {
    out->set_task(record.task_name.empty() ? std::to_string(event.task) : record.task_name);
    out->set_attempt(event.attempt);
  }
  if (event.failure != FailureKind::kNone) FillFailure(record, out->mutable_failure());
  switch (event.kind) {
    case state::EventKind::kTaskExited:
      out->set_task_state(AfterExit(event.result));
      if (record.result != nullptr) *out->mutable_result() = ToProto(*record.result);
      if (record.output != nullptr) {
        out->set_stdout_bytes(record.output->standard_output);
        out->set_stderr_bytes(record.output->standard_error);
        out->set_stdout_lost_bytes(record.output->standard_output_lost);
        out->set_stderr_lost_bytes(record.output->standard_error_lost);
      }
      break;
    case state::EventKind::kCancelDelivered:
      out->set_signal(event.code);
      break;
    case state::EventKind::kGroupDecided:
      out->set_outcome(StateOf(event.outcome));
      out->set_stopped_tasks(event.count);
      break;
    case state::EventKind::kGroupCompleted:
      out->set_outcome(StateOf(event.outcome));
      break;
    case state::EventKind::kGroupCreated:
      if (record.group != nullptr) *out->mutable_group_spec() = ToProto(*record.group);
      break;
    case state::EventKind::kTaskSubmitted:
      if (record.task != nullptr) {
        for (const auto& [key, value] : record.task->labels) (*out->mutable_labels())[key] = value;
      }
      break;
    case state::EventKind::kTaskStarted:
    case state::EventKind::kCancelRequested:
    case state::EventKind::kCancelKilled:
    case state::EventKind::kCancelGone:
    case state::EventKind::kGroupSealed:
      break;
  }
}

}  // namespace covey
