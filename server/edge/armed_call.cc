#include "server/edge/armed_call.h"

namespace covey::edge {

ArmedCall::ArmedCall(const RawMethod& method, Queue& queue)
    : Call(queue, method.rpc), method_(method), stream_(&context_), accept_tag_(*this) {
  context_.AsyncNotifyWhenDone(&done_tag());
}

void ArmedCall::Arm(const RawMethod& method, Queue& queue) {
  auto* const call = new ArmedCall(method, queue);  // until its last operation has come back
  method.service->Request(method, call->context_, call->request(), call->stream_, queue.completions(),
                          call->accept_tag_);
}

void ArmedCall::OnAccepted(bool ok) {
  if (!ok) {
    delete this;
    return;
  }
  if (!stopping()) Arm(method_, queue());
  Begin();
}

std::optional<Call::Clock::time_point> ArmedCall::deadline() const {
  const gpr_timespec deadline = context_.raw_deadline();
  if (gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) == 0) return std::nullopt;
  const gpr_timespec monotonic = gpr_convert_clock_type(deadline, GPR_CLOCK_MONOTONIC);
  return Clock::time_point(std::chrono::seconds(monotonic.tv_sec) +
                           std::chrono::nanoseconds(monotonic.tv_nsec));
}

std::optional<std::string_view> ArmedCall::metadata(std::string_view key) const {
  const auto& all = context_.client_metadata();
  const auto found = all.find(grpc::string_ref(key.data(), key.size()));
  if (found == all.end()) return std::nullopt;
  return std::string_view(found->second.data(), found->second.size());
}

void ArmedCall::StartWrite(const grpc::ByteBuffer& bytes, bool hold, Tag& tag) {
  grpc::WriteOptions options;
  if (hold) options.set_buffer_hint();
  stream_.Write(bytes, options, &tag);
}

void ArmedCall::StartFinish(const grpc::ByteBuffer* last, const grpc::Status& status, Tag& tag) {
  if (last != nullptr) {
    stream_.WriteAndFinish(*last, grpc::WriteOptions(), status, &tag);
  } else {
    stream_.Finish(status, &tag);
  }
}

}  // namespace covey::edge
