#include <algorithm>
#include <string_view>

#include "server/check/fields.h"

// Checks of the requests of PoolService, EventService and AdminService.
namespace covey {
namespace {

constexpr size_t kMaxCursor = 1024;
constexpr uint64_t kMaxKeptGroups = 1'000'000'000;
constexpr uint64_t kMaxKeptBytes = uint64_t{1} << 50;

// Whether an update changes a field of the spec.
bool Changes(const google::protobuf::FieldMask& mask, std::string_view field) {
  return mask.paths().empty() || std::any_of(mask.paths().begin(), mask.paths().end(),
                                             [&](const auto& path) { return path == field || path == "*"; });
}

void CheckPoolSpec(const FieldPath& path, const v1::PoolSpec& spec, Collector& out) {
  CheckRange(path.Field("max"), spec.max(), 1, kMaxSlots, out);
}

void CheckUpdateMask(const FieldPath& path, const google::protobuf::FieldMask& mask, Collector& out) {
  if (mask.paths_size() > kMaxFilterValues) {
    out.Add(path, "must have at most " + std::to_string(kMaxFilterValues) + " paths, got " +
                      std::to_string(mask.paths_size()));
    return;
  }
  for (const std::string& field : mask.paths()) {
    if (field == "*" || v1::PoolSpec::descriptor()->FindFieldByName(field) != nullptr) continue;
    out.Add(path, "must name fields of spec (max), or \"*\", got " + Quoted(field));
  }
}

}  // namespace

Violations Check(const v1::CreatePoolRequest& request) {
  const FieldPath root;
  Collector out;
  CheckId(root.Field("name"), request.name(), Presence::kRequired, out);
  if (!request.has_spec()) out.Add(root.Field("spec"), "is required");
  if (request.has_spec()) CheckPoolSpec(root.Field("spec"), request.spec(), out);
  return out.Take();
}

Violations Check(const v1::UpdatePoolRequest& request) {
  const FieldPath root;
  Collector out;
  CheckId(root.Field("name"), request.name(), Presence::kRequired, out);
  if (!request.has_spec()) out.Add(root.Field("spec"), "is required");
  CheckUpdateMask(root.Field("update_mask"), request.update_mask(), out);
  const FieldPath spec = root.Field("spec");
  if (request.has_spec() && Changes(request.update_mask(), "max")) CheckPoolSpec(spec, request.spec(), out);
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
  CheckWait(root, request, out);
  return out.Take();
}

Violations Check(const v1::GetServerInfoRequest&) { return {}; }
Violations Check(const v1::ReloadRequest&) { return {}; }
Violations Check(const v1::BackupRequest&) { return {}; }
Violations Check(const v1::UndrainRequest&) { return {}; }
Violations Check(const v1::DiagnoseRequest&) { return {}; }

Violations Check(const v1::DrainRequest& request) {
  const FieldPath root;
  Collector out;
  CheckWait(root, request, out);
  return out.Take();
}

Violations Check(const v1::PruneRequest& request) {
  const FieldPath root;
  Collector out;
  if (request.has_older_than())
    CheckDuration(root.Field("older_than"), request.older_than(), kMaxTimeoutSeconds, out);
  if (request.has_keep_groups())
    CheckRange(root.Field("keep_groups"), request.keep_groups(), 0, kMaxKeptGroups, out);
  if (request.has_keep_bytes())
    CheckRange(root.Field("keep_bytes"), request.keep_bytes(), 0, kMaxKeptBytes, out);
  CheckFilter(root.Field("states"), request.states(), v1::GroupState_IsValid, out);
  for (const int state : request.states()) {
    if (state != v1::GROUP_STATE_RUNNING && state != v1::GROUP_STATE_STOPPING) continue;
    out.Add(root.Field("states"), "must be states of groups that are over, got " +
                                      v1::GroupState_Name(static_cast<v1::GroupState>(state)));
    break;
  }
  CheckLabels(root.Field("labels"), request.labels(), out);
  return out.Take();
}

Violations Check(const v1::ListPoolsRequest& request) {
  const FieldPath root;
  Collector out;
  CheckPageSize(root.Field("page_size"), request.page_size(), out);
  CheckPageToken(root.Field("page_token"), request.page_token(), out);
  return out.Take();
}

Violations Check(const v1::StreamEventsRequest& request) {
  const FieldPath root;
  Collector out;
  const bool one = !request.group_id().empty();
  CheckId(root.Field("group_id"), request.group_id(), Presence::kOptional, out);
  if (!one && request.after() != 0) out.Add(root.Field("after"), "must not be set without group_id");
  switch (request.start_case()) {
    case v1::StreamEventsRequest::kCursor:
      if (one && !request.cursor().empty()) out.Add(root.Field("cursor"), "must not be set with group_id");
      break;
    case v1::StreamEventsRequest::kLatest:
      if (one) out.Add(root.Field("latest"), "must not be set with group_id");
      break;
    case v1::StreamEventsRequest::kTime:
      if (one) out.Add(root.Field("time"), "must not be set with group_id");
      CheckTime(root.Field("time"), request.time(), out);
      break;
    case v1::StreamEventsRequest::START_NOT_SET:
      break;
  }
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
