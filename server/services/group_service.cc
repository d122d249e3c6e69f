#include "server/services/group_service.h"

#include "server/check/check.h"
#include "server/services/run_group.h"
#include "server/services/status.h"

namespace covey {
namespace {

std::vector<TaskSpec> TasksOf(const google::protobuf::RepeatedPtrField<v1::TaskSpec>& tasks) {
  std::vector<TaskSpec> specs;
  specs.reserve(tasks.size());
  for (const v1::TaskSpec& task : tasks) specs.push_back(ToCore(task));
  return specs;
}

}  // namespace

void GroupHandlers::Register(edge::Server& server) {
  using Service = v1::GroupService::AsyncService;
  server.Add(service_, &Service::RequestRunGroup, [this](auto& call) { return RunGroup(call); });
  server.Add(service_, &Service::RequestCreateGroup, [this](auto& call) { return CreateGroup(call); });
  server.Add(service_, &Service::RequestSubmitTasks, [this](auto& call) { return SubmitTasks(call); });
  server.Add(service_, &Service::RequestSubmitTaskStream,
             [this](auto& call) { return SubmitTaskStream(call); });
  server.Add(service_, &Service::RequestSealGroup, [this](auto& call) { return SealGroup(call); });
  server.Add(service_, &Service::RequestWaitGroup, [this](auto& call) { return WaitGroup(call); });
  server.Add(service_, &Service::RequestCancelGroup, [this](auto& call) { return CancelGroup(call); });
  server.Add(service_, &Service::RequestGetGroup, [this](auto& call) { return GetGroup(call); });
  server.Add(service_, &Service::RequestListGroups, [this](auto& call) { return ListGroups(call); });
  server.Add(service_, &Service::RequestDeleteGroup, [this](auto& call) { return DeleteGroup(call); });
}

GroupHandlers::Handled GroupHandlers::RunGroup(RunCall& call) { return covey::RunGroup(context_, call); }

GroupHandlers::Handled GroupHandlers::CreateGroup(
    Unary<v1::CreateGroupRequest, v1::CreateGroupResponse>& call) {
  const v1::CreateGroupRequest& request = call.request();
  if (Violations bad = Check(request); !bad.empty()) co_return ToGrpc(BadRequest(std::move(bad)));
  Engine::Create create{.spec = ToCore(request.spec(), request.group_id()),
                        .tasks = TasksOf(request.tasks()),
                        .seal = request.seal(),
                        .request = {.id = request.request_id(), .fingerprint = Fingerprint(request)}};
  edge::Task<std::optional<Result<Void>>> checking = CheckTasks(context_, create.tasks);
  const std::optional<Result<Void>> checked = co_await checking;
  if (!checked) co_return call.EndStatus();
  if (!checked->ok()) co_return ToGrpc(checked->error());
  edge::Completion<Result<GroupPtr>> created;
  engine_.CreateGroup(std::move(create), Into(created));
  std::optional<Result<GroupPtr>> group = co_await created;
  if (!group) co_return call.EndStatus();
  if (!group->ok()) co_return ToGrpc(group->error());
  *call.response().mutable_group() = ToProto(group->value()->View());
  co_return grpc::Status::OK;
}

GroupHandlers::Handled GroupHandlers::SubmitTasks(
    Unary<v1::SubmitTasksRequest, v1::SubmitTasksResponse>& call) {
  const v1::SubmitTasksRequest& request = call.request();
  if (Violations bad = Check(request); !bad.empty()) co_return ToGrpc(BadRequest(std::move(bad)));
  std::vector<TaskSpec> tasks = TasksOf(request.tasks());
  edge::Task<std::optional<Result<Void>>> checking = CheckTasks(context_, tasks);
  const std::optional<Result<Void>> checked = co_await checking;
  if (!checked) co_return call.EndStatus();
  if (!checked->ok()) co_return ToGrpc(checked->error());
  edge::Task<std::optional<Result<GroupPtr>>> finding = FindGroup(engine_, request.group_id());
  std::optional<Result<GroupPtr>> group = co_await finding;
  if (!group) co_return call.EndStatus();
  if (!group->ok()) co_return ToGrpc(group->error());
  edge::Completion<Result<DurableGroup::SubmitReply>> submitted;
  RequestMark mark{.id = request.request_id(), .fingerprint = Fingerprint(request)};
  engine_.Submit(group->value(), std::move(tasks), request.seal(), std::move(mark), Into(submitted));
  std::optional<Result<DurableGroup::SubmitReply>> reply = co_await submitted;
  if (!reply) co_return call.EndStatus();
  if (!reply->ok()) co_return ToGrpc(reply->error());
  call.response().set_first_index(reply->value().first_index);
  call.response().set_count(reply->value().count);
  co_return grpc::Status::OK;
}

GroupHandlers::Handled GroupHandlers::SubmitTaskStream(StreamCall& call) {
  GroupPtr group;
  uint64_t number = 0;
  v1::SubmitTaskStreamResponse& response = call.response();
  const auto refuse = [&response](const Error& error) {
    v1::Failure* failure = response.mutable_failure();
    failure->set_kind(v1::FAILURE_KIND_REJECTED);
    failure->set_message(error.fields.empty()
                             ? error.message
                             : error.fields.front().field + ": " + error.fields.front().description);
  };
  for (;;) {
    std::optional<v1::SubmitTaskStreamRequest> message = co_await call.Read();
    if (!message) break;
    if (Violations bad = Check(*message, number + 1); !bad.empty()) {
      const Error error = BadRequest(std::move(bad));
      if (group == nullptr) co_return ToGrpc(error);
      refuse(error);
      co_return grpc::Status::OK;
    }
    if (group == nullptr) {
      edge::Task<std::optional<Result<GroupPtr>>> finding = FindGroup(engine_, message->group_id());
      std::optional<Result<GroupPtr>> found = co_await finding;
      if (!found) co_return call.EndStatus();
      if (!found->ok()) co_return ToGrpc(found->error());
      group = found->value();
    } else if (!message->group_id().empty() && message->group_id() != group->id()) {
      refuse({.message = "group_id must be that of the first message, " + group->id() + ", got " +
                         message->group_id()});
      co_return grpc::Status::OK;
    }
    std::vector<TaskSpec> tasks = TasksOf(message->tasks());
    edge::Task<std::optional<Result<Void>>> checking = CheckTasks(context_, tasks);
    const std::optional<Result<Void>> checked = co_await checking;
    if (!checked) co_return call.EndStatus();
    if (!checked->ok()) {
      refuse(checked->error());
      co_return grpc::Status::OK;
    }
    edge::Completion<Result<DurableGroup::SubmitReply>> submitted;
    RequestMark mark;
    engine_.Submit(group, std::move(tasks), false, std::move(mark), Into(submitted));
    std::optional<Result<DurableGroup::SubmitReply>> reply = co_await submitted;
    if (!reply) co_return call.EndStatus();
    if (!reply->ok()) {
      refuse(reply->error());
      co_return grpc::Status::OK;
    }
    number = message->number();
    response.set_last_number(number);
    response.set_count(response.count() + reply->value().count);
  }
  if (!call.half_closed()) co_return call.EndStatus();
  co_return grpc::Status::OK;
}

GroupHandlers::Handled GroupHandlers::SealGroup(Unary<v1::SealGroupRequest, v1::SealGroupResponse>& call) {
  if (Violations bad = Check(call.request()); !bad.empty()) co_return ToGrpc(BadRequest(std::move(bad)));
  edge::Task<std::optional<Result<GroupPtr>>> finding = FindGroup(engine_, call.request().group_id());
  std::optional<Result<GroupPtr>> group = co_await finding;
  if (!group) co_return call.EndStatus();
  if (!group->ok()) co_return ToGrpc(group->error());
  edge::Completion<std::optional<Error>> sealed;
  group->value()->Seal(IntoReply(sealed));
  std::optional<std::optional<Error>> done = co_await sealed;
  if (!done) co_return call.EndStatus();
  if (*done) co_return ToGrpc(**done);
  *call.response().mutable_group() = ToProto(group->value()->View());
  co_return grpc::Status::OK;
}

GroupHandlers::Handled GroupHandlers::WaitGroup(Unary<v1::WaitGroupRequest, v1::WaitGroupResponse>& call) {
  if (Violations bad = Check(call.request()); !bad.empty()) co_return ToGrpc(BadRequest(std::move(bad)));
  edge::Task<std::optional<Result<GroupPtr>>> finding = FindGroup(engine_, call.request().group_id());
  std::optional<Result<GroupPtr>> found = co_await finding;
  if (!found) co_return call.EndStatus();
  if (!found->ok()) co_return ToGrpc(found->error());
  const GroupPtr group = found->value();
  if (call.request().seal_when_idle()) group->Arm();
  edge::Completion<Void> over(edge::OnStop::kWake);
  const uint64_t waiter = group->Wait([completer = over.completer()] { completer(Void{}); });
  std::optional<Void> ended = co_await over;
  if (!ended) {
    group->Unwait(waiter);
    co_return call.EndStatus();
  }
  *call.response().mutable_result() = ToProto(group->End());
  co_return grpc::Status::OK;
}

GroupHandlers::Handled GroupHandlers::CancelGroup(
    Unary<v1::CancelGroupRequest, v1::CancelGroupResponse>& call) {
  const v1::CancelGroupRequest& request = call.request();
  if (Violations bad = Check(request); !bad.empty()) co_return ToGrpc(BadRequest(std::move(bad)));
  edge::Task<std::optional<Result<GroupPtr>>> finding = FindGroup(engine_, request.group_id());
  std::optional<Result<GroupPtr>> found = co_await finding;
  if (!found) co_return call.EndStatus();
  if (!found->ok()) co_return ToGrpc(found->error());
  const GroupPtr group = found->value();
  edge::Completion<std::optional<Error>> cancelled;
  Failure cause{.kind = FailureKind::kCancelled,
                .message = request.reason().empty() ? "cancelled by request"
                                                    : "cancelled by request: " + request.reason()};
  group->Cancel(std::move(cause), IntoReply(cancelled));
  std::optional<std::optional<Error>> done = co_await cancelled;
  if (!done) co_return call.EndStatus();
  if (*done) co_return ToGrpc(**done);
  if (request.wait()) {
    edge::Completion<Void> gone(edge::OnStop::kWake);
    const uint64_t waiter = group->Wait([completer = gone.completer()] { completer(Void{}); });
    std::optional<Void> ended = co_await gone;
    if (!ended) {
      group->Unwait(waiter);
      co_return call.EndStatus();
    }
  }
  *call.response().mutable_group() = ToProto(group->View());
  co_return grpc::Status::OK;
}

GroupHandlers::Handled GroupHandlers::GetGroup(Unary<v1::GetGroupRequest, v1::GetGroupResponse>& call) {
  if (Violations bad = Check(call.request()); !bad.empty()) co_return ToGrpc(BadRequest(std::move(bad)));
  edge::Task<std::optional<Result<GroupPtr>>> finding = FindGroup(engine_, call.request().group_id());
  std::optional<Result<GroupPtr>> group = co_await finding;
  if (!group) co_return call.EndStatus();
  if (!group->ok()) co_return ToGrpc(group->error());
  *call.response().mutable_group() = ToProto(group->value()->View());
  co_return grpc::Status::OK;
}

GroupHandlers::Handled GroupHandlers::ListGroups(Unary<v1::ListGroupsRequest, v1::ListGroupsResponse>& call) {
  const v1::ListGroupsRequest& request = call.request();
  if (Violations bad = Check(request); !bad.empty()) co_return ToGrpc(BadRequest(std::move(bad)));
  constexpr size_t kDefaultPage = 50;
  const size_t limit = request.page_size() == 0 ? kDefaultPage : static_cast<size_t>(request.page_size());
  edge::Completion<Result<GroupPage>> listed;
  engine_.List(ToCore(request), limit, request.page_token(), Into(listed));
  std::optional<Result<GroupPage>> page = co_await listed;
  if (!page) co_return call.EndStatus();
  if (!page->ok()) co_return ToGrpc(page->error());
  for (const GroupSummary& group : page->value().groups) *call.response().add_groups() = ToProto(group);
  call.response().set_next_page_token(page->value().next);
  co_return grpc::Status::OK;
}

GroupHandlers::Handled GroupHandlers::DeleteGroup(
    Unary<v1::DeleteGroupRequest, v1::DeleteGroupResponse>& call) {
  if (Violations bad = Check(call.request()); !bad.empty()) co_return ToGrpc(BadRequest(std::move(bad)));
  edge::Completion<Result<Void>> deleted;
  engine_.Delete(call.request().group_id(), Into(deleted));
  std::optional<Result<Void>> done = co_await deleted;
  if (!done) co_return call.EndStatus();
  if (!done->ok()) co_return ToGrpc(done->error());
  co_return grpc::Status::OK;
}

}  // namespace covey
