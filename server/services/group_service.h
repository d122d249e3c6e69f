#pragma once

#include "covey/v1/group_service.grpc.pb.h"
#include "server/services/service_context.h"

namespace covey {

// GroupService: check, engine call, convert, finish. Lives as long as the server it is registered with.
class GroupHandlers {
 public:
  explicit GroupHandlers(const ServiceContext& context) : context_(context), engine_(*context.engine) {}
  void Register(edge::Server& server);

 private:
  template <typename Request, typename Response>
  using Unary = edge::Unary<Request, Response>;
  using Handled = edge::Task<grpc::Status>;
  using RunCall = edge::BidiStream<v1::RunGroupRequest, v1::RunGroupResponse>;
  using StreamCall = edge::ClientStream<v1::SubmitTaskStreamRequest, v1::SubmitTaskStreamResponse>;
  class Run;

  Handled RunGroup(RunCall& call);
  Handled CreateGroup(Unary<v1::CreateGroupRequest, v1::CreateGroupResponse>& call);
  Handled SubmitTasks(Unary<v1::SubmitTasksRequest, v1::SubmitTasksResponse>& call);
  Handled SubmitTaskStream(StreamCall& call);
  Handled SealGroup(Unary<v1::SealGroupRequest, v1::SealGroupResponse>& call);
  Handled WaitGroup(Unary<v1::WaitGroupRequest, v1::WaitGroupResponse>& call);
  Handled CancelGroup(Unary<v1::CancelGroupRequest, v1::CancelGroupResponse>& call);
  Handled GetGroup(Unary<v1::GetGroupRequest, v1::GetGroupResponse>& call);
  Handled ListGroups(Unary<v1::ListGroupsRequest, v1::ListGroupsResponse>& call);
  Handled DeleteGroup(Unary<v1::DeleteGroupRequest, v1::DeleteGroupResponse>& call);

  const ServiceContext& context_;
  Engine& engine_;
  v1::GroupService::AsyncService service_;
};

}  // namespace covey
