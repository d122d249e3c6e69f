#include "server/convert/convert.h"

namespace covey {

View ToCore(v1::View view, View otherwise) {
  switch (view) {
    case v1::VIEW_BASIC:
      return View::kBasic;
    case v1::VIEW_FULL:
      return View::kFull;
    default:
      return otherwise;
  }
}

v1::TaskState TaskStateOf(const TaskView& task) {
  if (task.stopped) return v1::TASK_STATE_STOPPED;
  switch (task.state.phase) {
    case state::TaskState::Phase::kQueued:
      return v1::TASK_STATE_QUEUED;
    case state::TaskState::Phase::kRunning:
      return v1::TASK_STATE_RUNNING;
    case state::TaskState::Phase::kEnded:
      break;
  }
  switch (task.state.result) {
    case state::Ending::kSucceeded:
      return v1::TASK_STATE_SUCCEEDED;
    case state::Ending::kStopped:
      return v1::TASK_STATE_STOPPED;
    default:
      return v1::TASK_STATE_FAILED;
  }
}

v1::Task ToProto(const TaskView& task, View view) {
  v1::Task out;
  out.set_group_id(task.group);
  out.set_name(task.name);
  out.set_index(task.index);
  if (task.spec != nullptr) *out.mutable_spec() = ToProto(*task.spec, view);
  out.set_state(TaskStateOf(task));
  out.set_attempt(task.state.attempt);
  if (task.failure != nullptr) *out.mutable_failure() = ToProto(*task.failure);
  *out.mutable_submit_time() = ToProto(task.submitted);
  if (task.started != WallTime()) *out.mutable_start_time() = ToProto(task.started);
  if (task.ended != WallTime()) *out.mutable_end_time() = ToProto(task.ended);
  if (task.result != nullptr && view != View::kBasic) *out.mutable_result() = ToProto(*task.result);
  if (task.output != nullptr) {
    out.set_stdout_bytes(task.output->standard_output);
    out.set_stderr_bytes(task.output->standard_error);
    out.set_stdout_lost_bytes(task.output->standard_output_lost);
    out.set_stderr_lost_bytes(task.output->standard_error_lost);
  }
  return out;
}

v1::OutputStream ToProto(OutputStream stream) {
  return stream == OutputStream::kStderr ? v1::OUTPUT_STREAM_STDERR : v1::OUTPUT_STREAM_STDOUT;
}

OutputStream ToCore(v1::OutputStream stream) {
  return stream == v1::OUTPUT_STREAM_STDERR ? OutputStream::kStderr : OutputStream::kStdout;
}

v1::OutputChunk ToProto(const OutputKey& key, std::string task_name, OutputPiece piece) {
  v1::OutputChunk out;
  out.set_group_id(key.group);
  out.set_task(std::move(task_name));
  out.set_attempt(key.attempt);
  out.set_stream(ToProto(key.stream));
  out.set_offset(piece.offset);
  out.set_data(std::move(piece.bytes));
  out.set_dropped(piece.dropped);
  out.set_end(piece.end);
  for (const OutputTime& mark : piece.times) {
    v1::OutputTime& time = *out.add_times();
    time.set_offset(mark.offset);
    *time.mutable_time() = ToProto(mark.time);
  }
  return out;
}

}  // namespace covey
