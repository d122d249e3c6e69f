#include "server/check/fields.h"

// Checks of the requests of PoolService, EventService and AdminService.
namespace covey {
namespace {

constexpr size_t kMaxCursor = 1024;

template <typename Request>
void CheckPoolBound(const FieldPath& root, const Request& request, Collector& out) {
  CheckId(root.Field("name"), request.name(), Presence::kRequired, out);
  CheckRange(root.Field("max"), request.max(), 1, kMaxSlots, out);
}

}  // namespace

Violations Check(const v1::CreatePoolRequest& request) {
  const FieldPath root;
  Collector out;
  CheckPoolBound(root, request, out);
  return out.Take();
}

Violations Check(const v1::UpdatePoolRequest& request) {
  const FieldPath root;
  Collector out;
  CheckPoolBound(root, request, out);
  return out.Take();
}

Violations Check(const v1::GetPoolRequest& request) {
  const FieldPath root;
  Collector out;
  CheckId(root.Field("name"), request.name(), Presence::kRequired, out);
  return out.Take();
}

Violations Check(const v1::ClosePoolRequest& request) {
  const FieldPath root;
  Collector out;
  CheckId(root.Field("name"), request.name(), Presence::kRequired, out);
  return out.Take();
}

Violations Check(const v1::ListPoolsRequest&) { return {}; }
Violations Check(const v1::GetServerInfoRequest&) { return {}; }
Violations Check(const v1::DrainRequest&) { return {}; }
Violations Check(const v1::ReloadRequest&) { return {}; }

Violations Check(const v1::ExplainRequest& request) {
  const FieldPath root;
  Collector out;
  CheckId(root.Field("group_id"), request.group_id(), Presence::kRequired, out);
  CheckName(root.Field("task"), request.task(), Presence::kOptional, out);
  return out.Take();
}

Violations Check(const v1::StreamEventsRequest& request) {
  const FieldPath root;
  Collector out;
  const bool one = !request.group_id().empty();
  CheckId(root.Field("group_id"), request.group_id(), Presence::kOptional, out);
  if (!one && request.after() != 0) out.Add(root.Field("after"), "must not be set without group_id");
  if (one && !request.cursor().empty()) out.Add(root.Field("cursor"), "must not be set with group_id");
  CheckBytes(root.Field("cursor"), request.cursor().size(), kMaxCursor, out);
  CheckFilter(root.Field("kinds"), request.kinds(), v1::EventKind_IsValid, out);
  const FieldPath labels = root.Field("labels");
  if (one && !request.labels().empty()) out.Add(labels, "must not be set with group_id");
  CheckLabels(labels, request.labels(), out);
  return out.Take();
}

Error BadRequest(Violations violations) {
  Error error{.code = ErrorCode::kInvalidArgument, .reason = "BAD_REQUEST"};
  if (!violations.empty()) {
    error.message = violations[0].field + ": " + violations[0].description;
    if (violations.size() > 1) error.message += " (and " + std::to_string(violations.size() - 1) + " more)";
  }
  error.fields = std::move(violations);
  return error;
}

}  // namespace covey
