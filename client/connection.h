#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "client/stream.h"
#include "core/base/error.h"
#include "covey/v1/admin_service.pb.h"
#include "covey/v1/event_service.pb.h"
#include "covey/v1/group_service.pb.h"
#include "covey/v1/pool_service.pb.h"
#include "covey/v1/task_service.pb.h"

namespace covey::client {

// What one call may do.
struct CallOptions {
  // Longest time that the call may take; kDeadlineExceeded after it. For RunGroup it also bounds the group,
  // for every other call it leaves everything in the daemon as it is. Default: none.
  std::optional<std::chrono::nanoseconds> timeout;
};

using RunGroupStream = Duplex<v1::RunGroupRequest, v1::RunGroupResponse>;
using TaskUpload = Upload<v1::SubmitTaskStreamRequest, v1::SubmitTaskStreamResponse>;
using EventStream = Stream<v1::StreamEventsResponse>;
using OutputReader = Stream<v1::ReadOutputResponse>;

// The calls of the contract, one method each: what Client stands on and what tests put in its place. May be
// called by several threads at once. Never throws; every failure is an Error.
class Connection {
 public:
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  virtual ~Connection() = default;

  virtual std::unique_ptr<RunGroupStream> RunGroup(const CallOptions& options) = 0;
  virtual Result<v1::CreateGroupResponse> CreateGroup(const v1::CreateGroupRequest& request,
                                                      const CallOptions& options) = 0;
  virtual Result<v1::SubmitTasksResponse> SubmitTasks(const v1::SubmitTasksRequest& request,
                                                      const CallOptions& options) = 0;
  virtual std::unique_ptr<TaskUpload> SubmitTaskStream(const CallOptions& options) = 0;
  virtual Result<v1::SealGroupResponse> SealGroup(const v1::SealGroupRequest& request,
                                                  const CallOptions& options) = 0;
  virtual Result<v1::WaitGroupResponse> WaitGroup(const v1::WaitGroupRequest& request,
                                                  const CallOptions& options) = 0;
  virtual Result<v1::CancelGroupResponse> CancelGroup(const v1::CancelGroupRequest& request,
                                                      const CallOptions& options) = 0;
  virtual Result<v1::GetGroupResponse> GetGroup(const v1::GetGroupRequest& request,
                                                const CallOptions& options) = 0;
  virtual Result<v1::ListGroupsResponse> ListGroups(const v1::ListGroupsRequest& request,
                                                    const CallOptions& options) = 0;
  virtual Result<v1::DeleteGroupResponse> DeleteGroup(const v1::DeleteGroupRequest& request,
                                                      const CallOptions& options) = 0;

  virtual Result<v1::GetTaskResponse> GetTask(const v1::GetTaskRequest& request,
                                              const CallOptions& options) = 0;
  virtual Result<v1::ListTasksResponse> ListTasks(const v1::ListTasksRequest& request,
                                                  const CallOptions& options) = 0;
  virtual Result<v1::WaitTaskResponse> WaitTask(const v1::WaitTaskRequest& request,
                                                const CallOptions& options) = 0;
  virtual Result<v1::CancelTaskResponse> CancelTask(const v1::CancelTaskRequest& request,
                                                    const CallOptions& options) = 0;
  virtual std::unique_ptr<OutputReader> ReadOutput(const v1::ReadOutputRequest& request,
                                                   const CallOptions& options) = 0;

  virtual Result<v1::CreatePoolResponse> CreatePool(const v1::CreatePoolRequest& request,
                                                    const CallOptions& options) = 0;
  virtual Result<v1::GetPoolResponse> GetPool(const v1::GetPoolRequest& request,
                                              const CallOptions& options) = 0;
  virtual Result<v1::ListPoolsResponse> ListPools(const v1::ListPoolsRequest& request,
                                                  const CallOptions& options) = 0;
  virtual Result<v1::UpdatePoolResponse> UpdatePool(const v1::UpdatePoolRequest& request,
                                                    const CallOptions& options) = 0;
  virtual Result<v1::ClosePoolResponse> ClosePool(const v1::ClosePoolRequest& request,
                                                  const CallOptions& options) = 0;

  virtual std::unique_ptr<EventStream> StreamEvents(const v1::StreamEventsRequest& request,
                                                    const CallOptions& options) = 0;

  virtual Result<v1::GetServerInfoResponse> GetServerInfo(const v1::GetServerInfoRequest& request,
                                                          const CallOptions& options) = 0;
  virtual Result<v1::DrainResponse> Drain(const v1::DrainRequest& request, const CallOptions& options) = 0;
  virtual Result<v1::ReloadResponse> Reload(const v1::ReloadRequest& request, const CallOptions& options) = 0;
  virtual Result<v1::ExplainResponse> Explain(const v1::ExplainRequest& request,
                                              const CallOptions& options) = 0;
};

}  // namespace covey::client
