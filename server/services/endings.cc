#include "server/services/endings.h"

#include "server/services/watch.h"

namespace covey {

Handled GroupOver(CallContext& context, const GroupPtr& group,
                  std::optional<std::chrono::nanoseconds> timeout) {
  context.waits = true;
  edge::Completion<Void> over(edge::OnStop::kWake);
  const WaitLimit limit(timeout, over.completer());
  const EndWatch watch(group, over.completer());
  const Result<Void> ended = co_await over;
  co_return ended;
}

Handled TaskOver(CallContext& context, const GroupPtr& group, uint32_t task,
                 std::optional<std::chrono::nanoseconds> timeout) {
  context.waits = true;
  edge::Completion<Void> over(edge::OnStop::kWake);
  const WaitLimit limit(timeout, over.completer());
  const EndWatch watch(group, task, over.completer());
  const Result<Void> ended = co_await over;
  co_return ended;
}

Failure CancelledByRequest(const std::string& reason) {
  return {.kind = FailureKind::kCancelled,
          .message = reason.empty() ? "cancelled by request" : "cancelled by request: " + reason};
}

}  // namespace covey
