#include "covey/client/client.h"

#include "client/ask.h"
#include "client/grpc_connection.h"
#include "client/retrying_connection.h"
#include "covey/client/address.h"

namespace covey::client {
namespace {

using methods::Named;

// The one message inside of an answer, or the error instead of it.
template <typename Response, typename Part>
Result<Part> Take(Result<Response> answer, Part* (Response::*part)()) {
  if (!answer.ok()) return answer.error();
  return std::move(*(answer.value().*part)());
}

template <typename Response>
Result<Void> Drop(const Result<Response>& answer) {
  if (!answer.ok()) return answer.error();
  return Void{};
}

}  // namespace

Result<Client> Client::Connect(std::string_view address, const ConnectOptions& options) {
  const Result<std::string> parsed = address.empty() ? DefaultAddress() : ParseAddress(address);
  if (!parsed.ok()) return parsed.error();
  return Client(MakeRetryingConnection(MakeGrpcConnection(parsed.value(), options), options.retry));
}

std::unique_ptr<AttachedGroup> Client::RunGroup(const v1::RunGroupOptions& options,
                                                const std::vector<v1::TaskSpec>& tasks,
                                                const CallOptions& call) {
  v1::RunGroupRequest first;
  *first.mutable_options() = options;
  for (const v1::TaskSpec& task : tasks) *first.add_tasks() = task;
  return RunGroup(first, call);
}

std::unique_ptr<AttachedGroup> Client::RunGroup(const v1::RunGroupRequest& first, const CallOptions& call) {
  return std::make_unique<AttachedGroup>(connection_, first, call);
}

Result<Scope> Client::OpenScope(const v1::GroupSpec& spec, const CallOptions& call) {
  return Scope::Open(connection_, spec, call);
}

Result<v1::Group> Client::CreateGroup(const v1::CreateGroupRequest& request, const CallOptions& call) {
  if (request.request_id().empty()) return CreateGroup(v1::CreateGroupRequest(request), call);
  return Take(
      Ask<v1::CreateGroupResponse>(*connection_, Named("/covey.v1.GroupService/CreateGroup"), request, call),
      &v1::CreateGroupResponse::mutable_group);
}

Result<v1::Group> Client::CreateGroup(v1::CreateGroupRequest&& request, const CallOptions& call) {
  if (request.request_id().empty()) request.set_request_id(NewRequestId());
  return CreateGroup(std::as_const(request), call);
}

Result<v1::SubmitTasksResponse> Client::SubmitTasks(const v1::SubmitTasksRequest& request,
                                                    const CallOptions& call) {
  if (request.request_id().empty()) return SubmitTasks(v1::SubmitTasksRequest(request), call);
  return Ask<v1::SubmitTasksResponse>(*connection_, Named("/covey.v1.GroupService/SubmitTasks"), request,
                                      call);
}

Result<v1::SubmitTasksResponse> Client::SubmitTasks(v1::SubmitTasksRequest&& request,
                                                    const CallOptions& call) {
  if (request.request_id().empty()) request.set_request_id(NewRequestId());
  return SubmitTasks(std::as_const(request), call);
}

std::unique_ptr<TaskUpload> Client::SubmitTaskStream(const CallOptions& call) {
  return std::make_unique<TaskUpload>(
      connection_->Open(Named("/covey.v1.GroupService/SubmitTaskStream"), call));
}

Result<v1::Group> Client::SealGroup(std::string_view group, const CallOptions& call) {
  v1::SealGroupRequest request;
  request.set_group_id(std::string(group));
  return Take(
      Ask<v1::SealGroupResponse>(*connection_, Named("/covey.v1.GroupService/SealGroup"), request, call),
      &v1::SealGroupResponse::mutable_group);
}

Result<v1::GroupResult> Client::WaitGroup(std::string_view group, bool seal_when_idle,
                                          const CallOptions& call) {
  v1::WaitGroupRequest request;
  request.set_group_id(std::string(group));
  request.set_seal_when_idle(seal_when_idle);
  return WaitGroup(request, call);
}

Result<v1::GroupResult> Client::WaitGroup(const v1::WaitGroupRequest& request, const CallOptions& call) {
  return Take(
      Ask<v1::WaitGroupResponse>(*connection_, Named("/covey.v1.GroupService/WaitGroup"), request, call),
      &v1::WaitGroupResponse::mutable_result);
}

Result<v1::Group> Client::CancelGroup(std::string_view group, std::string_view reason, bool wait,
                                      const CallOptions& call) {
  v1::CancelGroupRequest request;
  request.set_group_id(std::string(group));
  request.set_reason(std::string(reason));
  request.set_wait(wait);
  return Take(
      Ask<v1::CancelGroupResponse>(*connection_, Named("/covey.v1.GroupService/CancelGroup"), request, call),
      &v1::CancelGroupResponse::mutable_group);
}

Result<v1::Group> Client::GetGroup(std::string_view group, const CallOptions& call) {
  v1::GetGroupRequest request;
  request.set_group_id(std::string(group));
  return Take(
      Ask<v1::GetGroupResponse>(*connection_, Named("/covey.v1.GroupService/GetGroup"), request, call),
      &v1::GetGroupResponse::mutable_group);
}

Result<v1::ListGroupsResponse> Client::ListGroups(const v1::ListGroupsRequest& request,
                                                  const CallOptions& call) {
  return Ask<v1::ListGroupsResponse>(*connection_, Named("/covey.v1.GroupService/ListGroups"), request, call);
}

Result<Void> Client::ForEachGroup(v1::ListGroupsRequest request,
                                  const std::function<bool(const v1::Group&)>& visit,
                                  const CallOptions& call) {
  while (true) {
    const Result<v1::ListGroupsResponse> page = ListGroups(request, call);
    if (!page.ok()) return page.error();
    for (const v1::Group& group : page.value().groups()) {
      if (!visit(group)) return Void{};
    }
    if (page.value().next_page_token().empty()) return Void{};
    request.set_page_token(page.value().next_page_token());
  }
}

Result<Void> Client::DeleteGroup(std::string_view group, const CallOptions& call) {
  v1::DeleteGroupRequest request;
  request.set_group_id(std::string(group));
  return Drop(
      Ask<v1::DeleteGroupResponse>(*connection_, Named("/covey.v1.GroupService/DeleteGroup"), request, call));
}

Result<v1::Task> Client::GetTask(std::string_view group, std::string_view task, const CallOptions& call) {
  v1::GetTaskRequest request;
  request.set_group_id(std::string(group));
  request.set_task(std::string(task));
  return Take(Ask<v1::GetTaskResponse>(*connection_, Named("/covey.v1.TaskService/GetTask"), request, call),
              &v1::GetTaskResponse::mutable_task);
}

Result<v1::ListTasksResponse> Client::ListTasks(const v1::ListTasksRequest& request,
                                                const CallOptions& call) {
  return Ask<v1::ListTasksResponse>(*connection_, Named("/covey.v1.TaskService/ListTasks"), request, call);
}

Result<Void> Client::ForEachTask(v1::ListTasksRequest request,
                                 const std::function<bool(const v1::Task&)>& visit, const CallOptions& call) {
  while (true) {
    const Result<v1::ListTasksResponse> page = ListTasks(request, call);
    if (!page.ok()) return page.error();
    for (const v1::Task& task : page.value().tasks()) {
      if (!visit(task)) return Void{};
    }
    if (page.value().next_page_token().empty()) return Void{};
    request.set_page_token(page.value().next_page_token());
  }
}

Result<v1::Task> Client::WaitTask(std::string_view group, std::string_view task, const CallOptions& call) {
  v1::WaitTaskRequest request;
  request.set_group_id(std::string(group));
  request.set_task(std::string(task));
  return WaitTask(request, call);
}

Result<v1::Task> Client::WaitTask(const v1::WaitTaskRequest& request, const CallOptions& call) {
  return Take(Ask<v1::WaitTaskResponse>(*connection_, Named("/covey.v1.TaskService/WaitTask"), request, call),
              &v1::WaitTaskResponse::mutable_task);
}

Result<v1::Task> Client::CancelTask(std::string_view group, std::string_view task, std::string_view reason,
                                    bool wait, const CallOptions& call) {
  v1::CancelTaskRequest request;
  request.set_group_id(std::string(group));
  request.set_task(std::string(task));
  request.set_reason(std::string(reason));
  request.set_wait(wait);
  return Take(
      Ask<v1::CancelTaskResponse>(*connection_, Named("/covey.v1.TaskService/CancelTask"), request, call),
      &v1::CancelTaskResponse::mutable_task);
}

std::unique_ptr<GroupOutputReader> Client::StreamOutput(const v1::StreamOutputRequest& request,
                                                        const CallOptions& call) {
  return std::make_unique<GroupOutputReader>(
      connection_->Read(Named("/covey.v1.GroupService/StreamOutput"), request, call));
}

std::unique_ptr<OutputReader> Client::ReadOutput(const v1::ReadOutputRequest& request,
                                                 const CallOptions& call) {
  return std::make_unique<OutputReader>(
      connection_->Read(Named("/covey.v1.TaskService/ReadOutput"), request, call));
}

Result<v1::Pool> Client::CreatePool(std::string_view name, uint32_t max, const CallOptions& call) {
  v1::CreatePoolRequest request;
  request.set_name(std::string(name));
  request.mutable_spec()->set_max(max);
  return Take(
      Ask<v1::CreatePoolResponse>(*connection_, Named("/covey.v1.PoolService/CreatePool"), request, call),
      &v1::CreatePoolResponse::mutable_pool);
}

Result<v1::Pool> Client::GetPool(std::string_view name, const CallOptions& call) {
  v1::GetPoolRequest request;
  request.set_name(std::string(name));
  return Take(Ask<v1::GetPoolResponse>(*connection_, Named("/covey.v1.PoolService/GetPool"), request, call),
              &v1::GetPoolResponse::mutable_pool);
}

Result<std::vector<v1::Pool>> Client::ListPools(const CallOptions& call) {
  std::vector<v1::Pool> pools;
  v1::ListPoolsRequest request;
  while (true) {
    const Result<v1::ListPoolsResponse> page =
        Ask<v1::ListPoolsResponse>(*connection_, Named("/covey.v1.PoolService/ListPools"), request, call);
    if (!page.ok()) return page.error();
    pools.insert(pools.end(), page.value().pools().begin(), page.value().pools().end());
    if (page.value().next_page_token().empty()) return pools;
    request.set_page_token(page.value().next_page_token());
  }
}

Result<v1::Pool> Client::UpdatePool(std::string_view name, uint32_t max, const CallOptions& call) {
  v1::UpdatePoolRequest request;
  request.set_name(std::string(name));
  request.mutable_spec()->set_max(max);
  return Take(
      Ask<v1::UpdatePoolResponse>(*connection_, Named("/covey.v1.PoolService/UpdatePool"), request, call),
      &v1::UpdatePoolResponse::mutable_pool);
}

Result<Void> Client::ClosePool(std::string_view name, const CallOptions& call) {
  v1::ClosePoolRequest request;
  request.set_name(std::string(name));
  return Drop(ClosePool(request, call));
}

Result<v1::ClosePoolResponse> Client::ClosePool(const v1::ClosePoolRequest& request,
                                                const CallOptions& call) {
  return Ask<v1::ClosePoolResponse>(*connection_, Named("/covey.v1.PoolService/ClosePool"), request, call);
}

std::unique_ptr<EventStream> Client::StreamEvents(const v1::StreamEventsRequest& request,
                                                  const CallOptions& call) {
  return std::make_unique<EventStream>(
      connection_->Read(Named("/covey.v1.EventService/StreamEvents"), request, call));
}

Result<v1::GetServerInfoResponse> Client::GetServerInfo(const CallOptions& call) {
  return Ask<v1::GetServerInfoResponse>(*connection_, Named("/covey.v1.AdminService/GetServerInfo"),
                                        v1::GetServerInfoRequest(), call);
}

Result<Void> Client::Drain(const CallOptions& call) { return Drop(Drain(v1::DrainRequest(), call)); }

Result<v1::DrainResponse> Client::Drain(const v1::DrainRequest& request, const CallOptions& call) {
  return Ask<v1::DrainResponse>(*connection_, Named("/covey.v1.AdminService/Drain"), request, call);
}

std::unique_ptr<BackupReader> Client::Backup(const CallOptions& call) {
  return std::make_unique<BackupReader>(
      connection_->Read(Named("/covey.v1.AdminService/Backup"), v1::BackupRequest(), call));
}

Result<Void> Client::Undrain(const CallOptions& call) {
  return Drop(Ask<v1::UndrainResponse>(*connection_, Named("/covey.v1.AdminService/Undrain"),
                                       v1::UndrainRequest(), call));
}

Result<v1::ReloadResponse> Client::Reload(const CallOptions& call) {
  return Ask<v1::ReloadResponse>(*connection_, Named("/covey.v1.AdminService/Reload"), v1::ReloadRequest(),
                                 call);
}

Result<v1::DiagnoseResponse> Client::Diagnose(const CallOptions& call) {
  return Ask<v1::DiagnoseResponse>(*connection_, Named("/covey.v1.AdminService/Diagnose"),
                                   v1::DiagnoseRequest(), call);
}

Result<v1::PruneResponse> Client::Prune(const v1::PruneRequest& request, const CallOptions& call) {
  return Ask<v1::PruneResponse>(*connection_, Named("/covey.v1.AdminService/Prune"), request, call);
}

Result<v1::ExplainResponse> Client::Explain(std::string_view group, std::string_view task,
                                            const CallOptions& call) {
  v1::ExplainRequest request;
  request.set_group_id(std::string(group));
  request.set_task(std::string(task));
  return Ask<v1::ExplainResponse>(*connection_, Named("/covey.v1.GroupService/Explain"), request, call);
}

}  // namespace covey::client
