#include "covey/client/task.h"

#include <algorithm>
#include <utility>

namespace covey::client {
namespace {

constexpr int64_t kNanos = 1'000'000'000;

int64_t Nanoseconds(int64_t seconds, int32_t nanos) {
  constexpr int64_t kMost = std::chrono::nanoseconds::max().count() / kNanos - 1;
  return std::clamp(seconds, -kMost, kMost) * kNanos + nanos;
}

}  // namespace

v1::TaskSpec Process(std::vector<std::string> argv) {
  v1::TaskSpec task;
  for (std::string& argument : argv) task.mutable_process()->add_argv(std::move(argument));
  return task;
}

v1::TaskSpec Function(std::string_view name, std::string_view text) {
  v1::TaskSpec task;
  task.mutable_function()->set_name(std::string(name));
  if (!text.empty()) task.mutable_function()->mutable_payload()->set_text(std::string(text));
  return task;
}

v1::TaskSpec FunctionWithData(std::string_view name, std::string_view data, std::string_view content_type) {
  v1::TaskSpec task;
  task.mutable_function()->set_name(std::string(name));
  v1::Payload& payload = *task.mutable_function()->mutable_payload();
  payload.set_data(std::string(data));
  payload.set_content_type(std::string(content_type));
  return task;
}

v1::TaskSpec Named(std::string_view name, v1::TaskSpec task) {
  task.set_name(std::string(name));
  return task;
}

google::protobuf::Duration ToProto(std::chrono::nanoseconds duration) {
  google::protobuf::Duration proto;
  proto.set_seconds(duration.count() / kNanos);
  proto.set_nanos(static_cast<int32_t>(duration.count() % kNanos));
  return proto;
}

std::chrono::nanoseconds FromProto(const google::protobuf::Duration& duration) {
  return std::chrono::nanoseconds(Nanoseconds(duration.seconds(), duration.nanos()));
}

std::chrono::sys_time<std::chrono::nanoseconds> FromProto(const google::protobuf::Timestamp& time) {
  return std::chrono::sys_time<std::chrono::nanoseconds>(
      std::chrono::nanoseconds(Nanoseconds(time.seconds(), time.nanos())));
}

}  // namespace covey::client
