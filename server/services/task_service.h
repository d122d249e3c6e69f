#pragma once

#include "covey/v1/task_service.grpc.pb.h"
#include "server/services/service_context.h"

namespace covey {

// TaskService. Lives as long as the server it is registered with.
class TaskHandlers {
 public:
  explicit TaskHandlers(const ServiceContext& context) : context_(context), engine_(*context.engine) {}
  void Register(edge::Server& server);

 private:
  template <typename Request, typename Response>
  using Unary = edge::Unary<Request, Response>;
  using Handled = edge::Task<grpc::Status>;
  using ReadCall = edge::ServerStream<v1::ReadOutputRequest, v1::ReadOutputResponse>;

  Handled GetTask(Unary<v1::GetTaskRequest, v1::GetTaskResponse>& call);
  Handled ListTasks(Unary<v1::ListTasksRequest, v1::ListTasksResponse>& call);
  Handled WaitTask(Unary<v1::WaitTaskRequest, v1::WaitTaskResponse>& call);
  Handled CancelTask(Unary<v1::CancelTaskRequest, v1::CancelTaskResponse>& call);
  Handled ReadOutput(ReadCall& call);

  // A task with the sizes of its output.
  v1::Task Describe(const TaskView& task) const;
  // co_await: true when the task is over; false when the call is.
  static edge::Task<bool> Over(GroupPtr group, uint32_t task);

  const ServiceContext& context_;
  Engine& engine_;
  v1::TaskService::AsyncService service_;
};

}  // namespace covey
