#include "server/check/spec.h"

// Checks of the requests of GroupService.
namespace covey {
namespace {

constexpr size_t kMaxRequestId = 128;

// Requests that name a group and nothing else that can be wrong.
template <typename Request>
Violations CheckGroupId(const Request& request) {
  const FieldPath root;
  Collector out;
  CheckId(root.Field("group_id"), request.group_id(), Presence::kRequired, out);
  return out.Take();
}

// All of a message of RunGroup but its tasks.
void CheckRun(const FieldPath& root, const v1::RunGroupRequest& request, bool first, Collector& out) {
  const FieldPath options = root.Field("options");
  if (first && !request.has_options()) out.Add(options, "is required in the first message");
  if (!first && request.has_options()) out.Add(options, "must not be set after the first message");
  if (first && request.has_options()) {
    CheckId(options.Field("group_id"), request.options().group_id(), Presence::kOptional, out);
    CheckGroupSpec(options.Field("spec"), request.options().spec(), out);
    const v1::OnInvalid on_invalid = request.options().on_invalid();
    CheckEnum(options.Field("on_invalid"), on_invalid, v1::OnInvalid_IsValid(on_invalid), true, out);
  }
}

}  // namespace

Violations Check(const v1::RunGroupRequest& request, bool first) {
  const FieldPath root;
  Collector out;
  CheckRun(root, request, first, out);
  CheckTasks(root.Field("tasks"), request.tasks(), Presence::kOptional, out);
  return out.Take();
}

Violations CheckWithoutTasks(const v1::RunGroupRequest& request, bool first) {
  const FieldPath root;
  Collector out;
  CheckRun(root, request, first, out);
  CheckTaskCount(root.Field("tasks"), request.tasks(), Presence::kOptional, out);
  return out.Take();
}

Violations Check(const v1::TaskSpec& task) {
  const FieldPath root;
  Collector out;
  CheckTask(root, task, out);
  return out.Take();
}

Violations Check(const v1::CreateGroupRequest& request) {
  const FieldPath root;
  Collector out;
  CheckText(root.Field("request_id"), request.request_id(), kMaxRequestId, out);
  CheckId(root.Field("group_id"), request.group_id(), Presence::kOptional, out);
  CheckGroupSpec(root.Field("spec"), request.spec(), out);
  CheckTasks(root.Field("tasks"), request.tasks(), Presence::kOptional, out);
  return out.Take();
}

Violations Check(const v1::SubmitTasksRequest& request) {
  const FieldPath root;
  Collector out;
  CheckId(root.Field("group_id"), request.group_id(), Presence::kRequired, out);
  CheckText(root.Field("request_id"), request.request_id(), kMaxRequestId, out);
  CheckTasks(root.Field("tasks"), request.tasks(), Presence::kRequired, out);
  return out.Take();
}

Violations Check(const v1::SubmitTaskStreamRequest& request, uint64_t number) {
  const FieldPath root;
  Collector out;
  const Presence group = number == 1 ? Presence::kRequired : Presence::kOptional;
  CheckId(root.Field("group_id"), request.group_id(), group, out);
  if (request.number() != number) {
    out.Add(root.Field("number"),
            "must be " + std::to_string(number) + ", got " + std::to_string(request.number()));
  }
  CheckText(root.Field("request_id"), request.request_id(), kMaxRequestId, out);
  CheckTasks(root.Field("tasks"), request.tasks(), Presence::kRequired, out);
  return out.Take();
}

Violations Check(const v1::SealGroupRequest& request) { return CheckGroupId(request); }

Violations Check(const v1::WaitGroupRequest& request) {
  const FieldPath root;
  Collector out;
  CheckId(root.Field("group_id"), request.group_id(), Presence::kRequired, out);
  CheckWait(root, request, out);
  return out.Take();
}

Violations Check(const v1::GetGroupRequest& request) {
  const FieldPath root;
  Collector out;
  CheckId(root.Field("group_id"), request.group_id(), Presence::kRequired, out);
  CheckView(root.Field("view"), request.view(), out);
  return out.Take();
}

Violations Check(const v1::DeleteGroupRequest& request) { return CheckGroupId(request); }

Violations Check(const v1::CancelGroupRequest& request) {
  const FieldPath root;
  Collector out;
  CheckId(root.Field("group_id"), request.group_id(), Presence::kRequired, out);
  CheckText(root.Field("reason"), request.reason(), kMaxReason, out);
  CheckWait(root, request, out);
  return out.Take();
}

Violations Check(const v1::ExplainRequest& request) {
  const FieldPath root;
  Collector out;
  CheckId(root.Field("group_id"), request.group_id(), Presence::kRequired, out);
  CheckName(root.Field("task"), request.task(), Presence::kOptional, out);
  return out.Take();
}

Violations Check(const v1::ListGroupsRequest& request) {
  const FieldPath root;
  Collector out;
  CheckPageSize(root.Field("page_size"), request.page_size(), out);
  CheckPageToken(root.Field("page_token"), request.page_token(), out);
  CheckFilter(root.Field("states"), request.states(), v1::GroupState_IsValid, out);
  CheckLabels(root.Field("labels"), request.labels(), out);
  CheckText(root.Field("name_prefix"), request.name_prefix(), kMaxName, out);
  CheckText(root.Field("id_prefix"), request.id_prefix(), kMaxName, out);
  CheckText(root.Field("name"), request.name(), kMaxName, out);
  if (request.has_created_after()) CheckTime(root.Field("created_after"), request.created_after(), out);
  if (request.has_created_before()) CheckTime(root.Field("created_before"), request.created_before(), out);
  CheckView(root.Field("view"), request.view(), out);
  return out.Take();
}

}  // namespace covey
