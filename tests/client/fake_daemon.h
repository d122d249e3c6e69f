#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "covey/v1/admin_service.pb.h"
#include "covey/v1/event_service.pb.h"
#include "covey/v1/group_service.pb.h"
#include "covey/v1/task_service.pb.h"

namespace covey::client {

// The bound on every wait: nothing takes nearly as long on a healthy machine.
inline constexpr std::chrono::seconds kBound{30};

// The messages of one call, seen from the daemon.
class ServerStream {
 public:
  virtual ~ServerStream() = default;
  virtual bool Read(google::protobuf::Message* message) = 0;
  virtual bool Write(const google::protobuf::Message& message) = 0;
};

template <typename In, typename Out>
class TypedServerStream {
 public:
  explicit TypedServerStream(ServerStream* stream) : stream_(stream) {}
  bool Read(In* message) { return stream_->Read(message); }
  bool Write(const Out& message) { return stream_->Write(message); }

 private:
  ServerStream* const stream_;
};

using RunGroupServerStream = TypedServerStream<v1::RunGroupRequest, v1::RunGroupResponse>;

// A daemon that does what a test says: a real gRPC server on a unix socket of its own folder, each call
// answered by a hook, UNIMPLEMENTED without one. Hooks are set before the first call and run on the server's
// threads. A stand-in for tests of the client alone.
class FakeDaemon {
 public:
  using Hook = std::function<grpc::Status(grpc::ServerContext*, ServerStream*)>;

  // The hook of one method of GroupService, TaskService, …, set by assignment.
  template <typename Request, typename Response>
  struct Unary {
    void operator=(std::function<grpc::Status(const Request&, Response*)> hook) {
      daemon->Set(method, [hook = std::move(hook)](grpc::ServerContext*, ServerStream* stream) {
        Request request;
        stream->Read(&request);
        Response answer;
        grpc::Status status = hook(request, &answer);
        if (status.ok()) stream->Write(answer);
        return status;
      });
    }
    FakeDaemon* daemon;
    std::string_view method;
  };
  template <typename Request, typename Response>
  struct Reader {
    using Writer = TypedServerStream<Request, Response>;
    void operator=(std::function<grpc::Status(grpc::ServerContext*, const Request&, Writer*)> hook) {
      daemon->Set(method, [hook = std::move(hook)](grpc::ServerContext* context, ServerStream* stream) {
        Request request;
        stream->Read(&request);
        Writer writer(stream);
        return hook(context, request, &writer);
      });
    }
    FakeDaemon* daemon;
    std::string_view method;
  };
  template <typename Request, typename Response>
  struct Both {
    using Messages = TypedServerStream<Request, Response>;
    void operator=(std::function<grpc::Status(grpc::ServerContext*, Messages*)> hook) {
      daemon->Set(method, [hook = std::move(hook)](grpc::ServerContext* context, ServerStream* stream) {
        Messages messages(stream);
        return hook(context, &messages);
      });
    }
    FakeDaemon* daemon;
    std::string_view method;
  };

  Unary<v1::CreateGroupRequest, v1::CreateGroupResponse> create_group{this, "CreateGroup"};
  Unary<v1::SubmitTasksRequest, v1::SubmitTasksResponse> submit_tasks{this, "SubmitTasks"};
  Unary<v1::SealGroupRequest, v1::SealGroupResponse> seal_group{this, "SealGroup"};
  Unary<v1::WaitGroupRequest, v1::WaitGroupResponse> wait_group{this, "WaitGroup"};
  Unary<v1::CancelGroupRequest, v1::CancelGroupResponse> cancel_group{this, "CancelGroup"};
  Unary<v1::GetGroupRequest, v1::GetGroupResponse> get_group{this, "GetGroup"};
  Unary<v1::ListGroupsRequest, v1::ListGroupsResponse> list_groups{this, "ListGroups"};
  Unary<v1::DeleteGroupRequest, v1::DeleteGroupResponse> delete_group{this, "DeleteGroup"};
  Unary<v1::GetTaskRequest, v1::GetTaskResponse> get_task{this, "GetTask"};
  Unary<v1::ListTasksRequest, v1::ListTasksResponse> list_tasks{this, "ListTasks"};
  Unary<v1::GetServerInfoRequest, v1::GetServerInfoResponse> get_server_info{this, "GetServerInfo"};
  Unary<v1::DrainRequest, v1::DrainResponse> drain{this, "Drain"};
  Both<v1::RunGroupRequest, v1::RunGroupResponse> run_group{this, "RunGroup"};
  Both<v1::SubmitTaskStreamRequest, v1::SubmitTaskStreamResponse> submit_task_stream{this,
                                                                                     "SubmitTaskStream"};
  Reader<v1::ReadOutputRequest, v1::ReadOutputResponse> read_output{this, "ReadOutput"};
  Reader<v1::StreamOutputRequest, v1::StreamOutputResponse> stream_output{this, "StreamOutput"};
  Reader<v1::StreamEventsRequest, v1::StreamEventsResponse> stream_events{this, "StreamEvents"};

  FakeDaemon();
  ~FakeDaemon();
  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;

  std::string address() const { return "unix:" + socket_; }
  const std::string& folder() const { return folder_; }
  // Answers every method by this one hook, which is told its name on the wire.
  void SetAll(const std::function<grpc::Status(std::string_view method, ServerStream*)>& hook);
  // Ends all calls and listens no more.
  void Stop();

 private:
  class Server;

  // `method` without its service.
  void Set(std::string_view method, Hook hook);

  std::string folder_;
  std::string socket_;
  std::map<std::string_view, Hook> hooks_;  // by the name on the wire
  std::unique_ptr<Server> server_;
};

// A status with the details that the daemon gives.
grpc::Status DetailedStatus(grpc::StatusCode code, const std::string& message, const std::string& reason,
                            const std::vector<std::pair<std::string, std::string>>& fields = {});

}  // namespace covey::client
