#pragma once

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <functional>
#include <memory>
#include <string>

#include "covey/v1/admin_service.grpc.pb.h"
#include "covey/v1/event_service.grpc.pb.h"
#include "covey/v1/group_service.grpc.pb.h"
#include "covey/v1/task_service.grpc.pb.h"

namespace covey::client {

using RunGroupServerStream = grpc::ServerReaderWriter<v1::RunGroupResponse, v1::RunGroupRequest>;

// A daemon that does what a test says: a real gRPC server on a unix socket of its own folder, each call
// answered by a hook, UNIMPLEMENTED without one. Hooks are set before the first call and run on the server's
// threads. A stand-in for tests of the client alone.
class FakeDaemon {
 public:
  template <typename Request, typename Response>
  using Hook = std::function<grpc::Status(const Request&, Response*)>;

  Hook<v1::CreateGroupRequest, v1::CreateGroupResponse> create_group;
  Hook<v1::SubmitTasksRequest, v1::SubmitTasksResponse> submit_tasks;
  Hook<v1::SealGroupRequest, v1::SealGroupResponse> seal_group;
  Hook<v1::WaitGroupRequest, v1::WaitGroupResponse> wait_group;
  Hook<v1::CancelGroupRequest, v1::CancelGroupResponse> cancel_group;
  Hook<v1::GetGroupRequest, v1::GetGroupResponse> get_group;
  Hook<v1::ListGroupsRequest, v1::ListGroupsResponse> list_groups;
  Hook<v1::DeleteGroupRequest, v1::DeleteGroupResponse> delete_group;
  Hook<v1::GetTaskRequest, v1::GetTaskResponse> get_task;
  Hook<v1::ListTasksRequest, v1::ListTasksResponse> list_tasks;
  Hook<v1::GetServerInfoRequest, v1::GetServerInfoResponse> get_server_info;
  Hook<v1::DrainRequest, v1::DrainResponse> drain;
  std::function<grpc::Status(grpc::ServerContext*, RunGroupServerStream*)> run_group;
  std::function<grpc::Status(grpc::ServerReader<v1::SubmitTaskStreamRequest>*, v1::SubmitTaskStreamResponse*)>
      submit_task_stream;
  std::function<grpc::Status(const v1::ReadOutputRequest&, grpc::ServerWriter<v1::ReadOutputResponse>*)>
      read_output;
  std::function<grpc::Status(grpc::ServerContext*, const v1::StreamEventsRequest&,
                             grpc::ServerWriter<v1::StreamEventsResponse>*)>
      stream_events;

  FakeDaemon();
  ~FakeDaemon();
  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;

  std::string address() const { return "unix:" + socket_; }
  const std::string& folder() const { return folder_; }
  // Ends all calls and listens no more.
  void Stop();

 private:
  class Groups;
  class Tasks;
  class Events;
  class Admin;

  std::string folder_;
  std::string socket_;
  std::unique_ptr<Groups> groups_;
  std::unique_ptr<Tasks> tasks_;
  std::unique_ptr<Events> events_;
  std::unique_ptr<Admin> admin_;
  std::unique_ptr<grpc::Server> server_;
};

// A status with the details that the daemon gives.
grpc::Status DetailedStatus(grpc::StatusCode code, const std::string& message, const std::string& reason,
                            const std::vector<std::pair<std::string, std::string>>& fields = {});

}  // namespace covey::client
