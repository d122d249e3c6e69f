#include "client/client.h"

#include "client/address.h"
#include "client/retrying_connection.h"

namespace covey::client {
namespace {

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
  return Take(connection_->CreateGroup(request, call), &v1::CreateGroupResponse::mutable_group);
}

Result<v1::SubmitTasksResponse> Client::SubmitTasks(const v1::SubmitTasksRequest& request,
                                                    const CallOptions& call) {
  return connection_->SubmitTasks(request, call);
}

std::unique_ptr<TaskUpload> Client::SubmitTaskStream(const CallOptions& call) {
  return connection_->SubmitTaskStream(call);
}

Result<v1::Group> Client::SealGroup(std::string_view group, const CallOptions& call) {
  v1::SealGroupRequest request;
  request.set_group_id(std::string(group));
  return Take(connection_->SealGroup(request, call), &v1::SealGroupResponse::mutable_group);
}

Result<v1::GroupResult> Client::WaitGroup(std::string_view group, bool seal_when_idle,
                                          const CallOptions& call) {
  v1::WaitGroupRequest request;
  request.set_group_id(std::string(group));
  request.set_seal_when_idle(seal_when_idle);
  return Take(connection_->WaitGroup(request, call), &v1::WaitGroupResponse::mutable_result);
}

Result<v1::Group> Client::CancelGroup(std::string_view group, std::string_view reason, bool wait,
                                      const CallOptions& call) {
  v1::CancelGroupRequest request;
  request.set_group_id(std::string(group));
  request.set_reason(std::string(reason));
  request.set_wait(wait);
  return Take(connection_->CancelGroup(request, call), &v1::CancelGroupResponse::mutable_group);
}

Result<v1::Group> Client::GetGroup(std::string_view group, const CallOptions& call) {
  v1::GetGroupRequest request;
  request.set_group_id(std::string(group));
  return Take(connection_->GetGroup(request, call), &v1::GetGroupResponse::mutable_group);
}

Result<v1::ListGroupsResponse> Client::ListGroups(const v1::ListGroupsRequest& request,
                                                  const CallOptions& call) {
  return connection_->ListGroups(request, call);
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
  return Drop(connection_->DeleteGroup(request, call));
}

Result<v1::Task> Client::GetTask(std::string_view group, std::string_view task, const CallOptions& call) {
  v1::GetTaskRequest request;
  request.set_group_id(std::string(group));
  request.set_task(std::string(task));
  return Take(connection_->GetTask(request, call), &v1::GetTaskResponse::mutable_task);
}

Result<v1::ListTasksResponse> Client::ListTasks(const v1::ListTasksRequest& request,
                                                const CallOptions& call) {
  return connection_->ListTasks(request, call);
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
  return Take(connection_->WaitTask(request, call), &v1::WaitTaskResponse::mutable_task);
}

Result<v1::Task> Client::CancelTask(std::string_view group, std::string_view task, std::string_view reason,
                                    bool wait, const CallOptions& call) {
  v1::CancelTaskRequest request;
  request.set_group_id(std::string(group));
  request.set_task(std::string(task));
  request.set_reason(std::string(reason));
  request.set_wait(wait);
  return Take(connection_->CancelTask(request, call), &v1::CancelTaskResponse::mutable_task);
}

std::unique_ptr<OutputReader> Client::ReadOutput(const v1::ReadOutputRequest& request,
                                                 const CallOptions& call) {
  return connection_->ReadOutput(request, call);
}

Result<v1::Pool> Client::CreatePool(std::string_view name, uint32_t max, const CallOptions& call) {
  v1::CreatePoolRequest request;
  request.set_name(std::string(name));
  request.set_max(max);
  return Take(connection_->CreatePool(request, call), &v1::CreatePoolResponse::mutable_pool);
}

Result<v1::Pool> Client::GetPool(std::string_view name, const CallOptions& call) {
  v1::GetPoolRequest request;
  request.set_name(std::string(name));
  return Take(connection_->GetPool(request, call), &v1::GetPoolResponse::mutable_pool);
}

Result<std::vector<v1::Pool>> Client::ListPools(const CallOptions& call) {
  const Result<v1::ListPoolsResponse> answer = connection_->ListPools({}, call);
  if (!answer.ok()) return answer.error();
  return std::vector<v1::Pool>(answer.value().pools().begin(), answer.value().pools().end());
}

Result<v1::Pool> Client::UpdatePool(std::string_view name, uint32_t max, const CallOptions& call) {
  v1::UpdatePoolRequest request;
  request.set_name(std::string(name));
  request.set_max(max);
  return Take(connection_->UpdatePool(request, call), &v1::UpdatePoolResponse::mutable_pool);
}

Result<Void> Client::ClosePool(std::string_view name, const CallOptions& call) {
  v1::ClosePoolRequest request;
  request.set_name(std::string(name));
  return Drop(connection_->ClosePool(request, call));
}

std::unique_ptr<EventStream> Client::StreamEvents(const v1::StreamEventsRequest& request,
                                                  const CallOptions& call) {
  return connection_->StreamEvents(request, call);
}

Result<v1::GetServerInfoResponse> Client::GetServerInfo(const CallOptions& call) {
  return connection_->GetServerInfo({}, call);
}

Result<Void> Client::Drain(const CallOptions& call) { return Drop(connection_->Drain({}, call)); }

Result<v1::ReloadResponse> Client::Reload(const CallOptions& call) { return connection_->Reload({}, call); }

Result<v1::ExplainResponse> Client::Explain(std::string_view group, std::string_view task,
                                            const CallOptions& call) {
  v1::ExplainRequest request;
  request.set_group_id(std::string(group));
  request.set_task(std::string(task));
  return connection_->Explain(request, call);
}

}  // namespace covey::client
