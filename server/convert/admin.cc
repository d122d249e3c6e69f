#include "server/convert/convert.h"
#include "server/convert/utf8.h"

namespace covey {

v1::Pool ToProto(const PoolView& pool) {
  v1::Pool out;
  out.set_name(pool.name);
  out.mutable_spec()->set_max(pool.max);
  out.set_running(static_cast<uint32_t>(pool.running));
  out.set_waiting(pool.waiting);
  out.set_closing(pool.closing);
  out.set_configured(pool.configured);
  out.set_groups(pool.groups);
  return out;
}

// The enums count alike; a test says so.
v1::ExplainResponse ToProto(const Explanation& explanation) {
  v1::ExplainResponse out;
  out.set_summary(ToUtf8(explanation.summary));
  for (const WaitView& wait : explanation.waits) {
    v1::Wait& message = *out.add_waits();
    message.set_reason(static_cast<v1::WaitReason>(wait.reason));
    message.set_message(ToUtf8(wait.message));
    message.set_pool(wait.pool);
    message.set_max(wait.max);
    message.set_running(wait.running);
    message.set_ahead(wait.ahead);
    for (const std::string& task : wait.tasks) message.add_tasks(ToUtf8(task));
  }
  for (const CauseView& cause : explanation.causes) {
    v1::Cause& message = *out.add_causes();
    message.set_message(ToUtf8(cause.message));
    if (cause.time != WallTime{}) *message.mutable_time() = ToProto(cause.time);
    message.set_event(cause.event);
    if (cause.failure != nullptr) *message.mutable_failure() = ToProto(*cause.failure);
  }
  return out;
}

}  // namespace covey
