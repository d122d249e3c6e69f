#pragma once

#include <cstdint>
#include <vector>

#include "covey/result.h"
#include "covey/v1/admin_service.pb.h"
#include "covey/v1/event_service.pb.h"
#include "covey/v1/group_service.pb.h"
#include "covey/v1/pool_service.pb.h"
#include "covey/v1/task_service.pb.h"

// What is wrong with a request by itself, whatever the state of the daemon: the bounds that the comments of
// covey.v1 give. Pure functions. Empty: nothing is wrong. At most kMaxViolations are told. Descriptions say
// the field, what would be right and what was found, as in "limit must be 0..65536, got 70000"; values of
// environment variables and standard input are never told.
namespace covey {

inline constexpr size_t kMaxViolations = 100;
inline constexpr size_t kMaxTasksPerMessage = 10000;

using Violations = std::vector<FieldViolation>;

// GroupService. `first`: the first message of the call.
Violations Check(const v1::RunGroupRequest& request, bool first);
// The same without the tasks, each of which is checked by itself; its fields are named from the task on.
Violations CheckWithoutTasks(const v1::RunGroupRequest& request, bool first);
Violations Check(const v1::TaskSpec& task);
Violations Check(const v1::CreateGroupRequest& request);
Violations Check(const v1::SubmitTasksRequest& request);
// `number`: which message of the call this must be, 1 for the first.
Violations Check(const v1::SubmitTaskStreamRequest& request, uint64_t number);
Violations Check(const v1::SealGroupRequest& request);
Violations Check(const v1::WaitGroupRequest& request);
Violations Check(const v1::CancelGroupRequest& request);
Violations Check(const v1::GetGroupRequest& request);
Violations Check(const v1::ListGroupsRequest& request);
Violations Check(const v1::DeleteGroupRequest& request);
Violations Check(const v1::ExplainRequest& request);

// TaskService.
Violations Check(const v1::GetTaskRequest& request);
Violations Check(const v1::ListTasksRequest& request);
Violations Check(const v1::WaitTaskRequest& request);
Violations Check(const v1::CancelTaskRequest& request);
Violations Check(const v1::ReadOutputRequest& request);
Violations Check(const v1::StreamOutputRequest& request);

// PoolService.
Violations Check(const v1::CreatePoolRequest& request);
Violations Check(const v1::GetPoolRequest& request);
Violations Check(const v1::ListPoolsRequest& request);
Violations Check(const v1::UpdatePoolRequest& request);
Violations Check(const v1::ClosePoolRequest& request);

// EventService.
Violations Check(const v1::StreamEventsRequest& request);

// AdminService.
Violations Check(const v1::GetServerInfoRequest& request);
Violations Check(const v1::DrainRequest& request);
Violations Check(const v1::UndrainRequest& request);
Violations Check(const v1::ReloadRequest& request);
Violations Check(const v1::BackupRequest& request);
Violations Check(const v1::PruneRequest& request);
Violations Check(const v1::DiagnoseRequest& request);

// The refusal of a request with `violations`, of which there is at least one.
Error BadRequest(Violations violations);

}  // namespace covey
