#include "server/check/fields.h"

// Checks of the requests of TaskService.
namespace covey {
namespace {

template <typename Request>
void CheckTaskKey(const FieldPath& root, const Request& request, Collector& out) {
  CheckId(root.Field("group_id"), request.group_id(), Presence::kRequired, out);
  CheckName(root.Field("task"), request.task(), Presence::kRequired, out);
}

}  // namespace

Violations Check(const v1::GetTaskRequest& request) {
  const FieldPath root;
  Collector out;
  CheckTaskKey(root, request, out);
  CheckView(root.Field("view"), request.view(), out);
  return out.Take();
}

Violations Check(const v1::WaitTaskRequest& request) {
  const FieldPath root;
  Collector out;
  CheckTaskKey(root, request, out);
  CheckWait(root, request, out);
  return out.Take();
}

Violations Check(const v1::CancelTaskRequest& request) {
  const FieldPath root;
  Collector out;
  CheckTaskKey(root, request, out);
  CheckText(root.Field("reason"), request.reason(), kMaxReason, out);
  CheckWait(root, request, out);
  return out.Take();
}

Violations Check(const v1::ListTasksRequest& request) {
  const FieldPath root;
  Collector out;
  CheckId(root.Field("group_id"), request.group_id(), Presence::kRequired, out);
  CheckPageSize(root.Field("page_size"), request.page_size(), out);
  CheckPageToken(root.Field("page_token"), request.page_token(), out);
  CheckFilter(root.Field("states"), request.states(), v1::TaskState_IsValid, out);
  CheckView(root.Field("view"), request.view(), out);
  return out.Take();
}

Violations Check(const v1::StreamOutputRequest& request) {
  const FieldPath root;
  Collector out;
  CheckId(root.Field("group_id"), request.group_id(), Presence::kRequired, out);
  CheckEnum(root.Field("stream"), request.stream(), v1::OutputStream_IsValid(request.stream()), true, out);
  return out.Take();
}

Violations Check(const v1::ReadOutputRequest& request) {
  const FieldPath root;
  Collector out;
  CheckTaskKey(root, request, out);
  CheckEnum(root.Field("stream"), request.stream(), v1::OutputStream_IsValid(request.stream()), true, out);
  return out.Take();
}

}  // namespace covey
