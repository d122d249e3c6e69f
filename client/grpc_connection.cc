#include "client/grpc_connection.h"

#include <grpc/grpc.h>
#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "client/error_table.h"
#include "client/grpc_stream.h"
#include "covey/v1/admin_service.grpc.pb.h"
#include "covey/v1/event_service.grpc.pb.h"
#include "covey/v1/group_service.grpc.pb.h"
#include "covey/v1/pool_service.grpc.pb.h"
#include "covey/v1/task_service.grpc.pb.h"
#include "covey/version.h"

namespace covey::client {

void Prepare(const CallOptions& options, grpc::ClientContext* context) {
  if (!options.timeout) return;
  // Far enough for everybody, and no overflow of the clock.
  constexpr std::chrono::hours kLongest{24 * 365 * 10};
  const auto timeout =
      std::clamp<std::chrono::nanoseconds>(*options.timeout, std::chrono::nanoseconds(0), kLongest);
  context->set_deadline(std::chrono::system_clock::now() +
                        std::chrono::duration_cast<std::chrono::system_clock::duration>(timeout));
}

Error ExplainGrpc(const grpc::Status& status, const std::string& address) {
  Error error = FromGrpc(status);
  // With details the daemon itself refused; without, the transport speaks.
  if (status.error_code() != grpc::StatusCode::UNAVAILABLE || !status.error_details().empty()) return error;
  std::string_view cause = error.message;
  constexpr std::string_view kLast = "last error: ";
  constexpr std::string_view kUnknown = "UNKNOWN: ";
  const bool never_reached =
      cause.starts_with("failed to connect") || cause.starts_with("DNS resolution failed");
  if (const size_t last = cause.find(kLast); last != std::string_view::npos)
    cause.remove_prefix(last + kLast.size());
  if (cause.starts_with(kUnknown)) cause.remove_prefix(kUnknown.size());
  if (never_reached) {
    error.reason = "UNREACHABLE";
    error.message = "cannot reach the daemon at " + address + " (" + std::string(cause) +
                    "); start it with coveyd, or set COVEY_ADDRESS to where it listens";
  } else {
    error.reason = "CONNECTION_LOST";
    error.message = "lost the daemon at " + address + " (" + std::string(cause) + ")";
  }
  return error;
}

namespace {

grpc::ChannelArguments Arguments(const ConnectOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetUserAgentPrefix("covey-client/" COVEY_VERSION);
  arguments.SetMaxReceiveMessageSize(64 << 20);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, static_cast<int>(options.keepalive_time.count()));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, static_cast<int>(options.keepalive_timeout.count()));
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // a quiet stream is pinged for ever
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, static_cast<int>(options.connect_timeout.count()));
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1'000);
  // Two clients in one program share neither a socket nor the wait after a failed attempt.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // gRPC 1.51 sometimes holds a window update back until its next probe of the bandwidth, for up to 10 s. So
  // no probes, but a window that suits a line of 10 MiB/s over 100 ms.
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 1 << 20);
  // http_proxy is for the web: a daemon that runs commands is not reached through it by accident.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return arguments;
}

// One reference to gRPC that is never given back: after the last one gRPC 1.51 joins a thread that may sleep
// in a poll of 10 s, and so would the exit of the program.
void KeepGrpc() { [[maybe_unused]] static const bool kKept = (grpc_init(), true); }

class GrpcConnection final : public Connection {
 public:
  GrpcConnection(std::string address, const ConnectOptions& options)
      : address_(std::move(address)),
        channel_((KeepGrpc(), grpc::CreateCustomChannel(address_, grpc::InsecureChannelCredentials(),
                                                        Arguments(options)))),
        groups_(v1::GroupService::NewStub(channel_)),
        tasks_(v1::TaskService::NewStub(channel_)),
        pools_(v1::PoolService::NewStub(channel_)),
        events_(v1::EventService::NewStub(channel_)),
        admin_(v1::AdminService::NewStub(channel_)) {}

  std::unique_ptr<RunGroupStream> RunGroup(const CallOptions& options) override {
    return std::make_unique<GrpcDuplex<v1::RunGroupRequest, v1::RunGroupResponse>>(
        address_, options, [this](grpc::ClientContext* context) { return groups_->RunGroup(context); });
  }
  Result<v1::CreateGroupResponse> CreateGroup(const v1::CreateGroupRequest& request,
                                              const CallOptions& options) override {
    return Call(*groups_, &v1::GroupService::Stub::CreateGroup, request, options);
  }
  Result<v1::SubmitTasksResponse> SubmitTasks(const v1::SubmitTasksRequest& request,
                                              const CallOptions& options) override {
    return Call(*groups_, &v1::GroupService::Stub::SubmitTasks, request, options);
  }
  std::unique_ptr<TaskUpload> SubmitTaskStream(const CallOptions& options) override {
    return std::make_unique<GrpcUpload<v1::SubmitTaskStreamRequest, v1::SubmitTaskStreamResponse>>(
        address_, options, [this](grpc::ClientContext* context, v1::SubmitTaskStreamResponse* answer) {
          return groups_->SubmitTaskStream(context, answer);
        });
  }
  Result<v1::SealGroupResponse> SealGroup(const v1::SealGroupRequest& request,
                                          const CallOptions& options) override {
    return Call(*groups_, &v1::GroupService::Stub::SealGroup, request, options);
  }
  Result<v1::WaitGroupResponse> WaitGroup(const v1::WaitGroupRequest& request,
                                          const CallOptions& options) override {
    return Call(*groups_, &v1::GroupService::Stub::WaitGroup, request, options);
  }
  Result<v1::CancelGroupResponse> CancelGroup(const v1::CancelGroupRequest& request,
                                              const CallOptions& options) override {
    return Call(*groups_, &v1::GroupService::Stub::CancelGroup, request, options);
  }
  Result<v1::GetGroupResponse> GetGroup(const v1::GetGroupRequest& request,
                                        const CallOptions& options) override {
    return Call(*groups_, &v1::GroupService::Stub::GetGroup, request, options);
  }
  Result<v1::ListGroupsResponse> ListGroups(const v1::ListGroupsRequest& request,
                                            const CallOptions& options) override {
    return Call(*groups_, &v1::GroupService::Stub::ListGroups, request, options);
  }
  Result<v1::DeleteGroupResponse> DeleteGroup(const v1::DeleteGroupRequest& request,
                                              const CallOptions& options) override {
    return Call(*groups_, &v1::GroupService::Stub::DeleteGroup, request, options);
  }

  Result<v1::GetTaskResponse> GetTask(const v1::GetTaskRequest& request,
                                      const CallOptions& options) override {
    return Call(*tasks_, &v1::TaskService::Stub::GetTask, request, options);
  }
  Result<v1::ListTasksResponse> ListTasks(const v1::ListTasksRequest& request,
                                          const CallOptions& options) override {
    return Call(*tasks_, &v1::TaskService::Stub::ListTasks, request, options);
  }
  Result<v1::WaitTaskResponse> WaitTask(const v1::WaitTaskRequest& request,
                                        const CallOptions& options) override {
    return Call(*tasks_, &v1::TaskService::Stub::WaitTask, request, options);
  }
  Result<v1::CancelTaskResponse> CancelTask(const v1::CancelTaskRequest& request,
                                            const CallOptions& options) override {
    return Call(*tasks_, &v1::TaskService::Stub::CancelTask, request, options);
  }
  std::unique_ptr<OutputReader> ReadOutput(const v1::ReadOutputRequest& request,
                                           const CallOptions& options) override {
    Reconnect();
    return std::make_unique<GrpcReader<v1::ReadOutputResponse>>(
        address_, options,
        [this, &request](grpc::ClientContext* context) { return tasks_->ReadOutput(context, request); });
  }

  Result<v1::CreatePoolResponse> CreatePool(const v1::CreatePoolRequest& request,
                                            const CallOptions& options) override {
    return Call(*pools_, &v1::PoolService::Stub::CreatePool, request, options);
  }
  Result<v1::GetPoolResponse> GetPool(const v1::GetPoolRequest& request,
                                      const CallOptions& options) override {
    return Call(*pools_, &v1::PoolService::Stub::GetPool, request, options);
  }
  Result<v1::ListPoolsResponse> ListPools(const v1::ListPoolsRequest& request,
                                          const CallOptions& options) override {
    return Call(*pools_, &v1::PoolService::Stub::ListPools, request, options);
  }
  Result<v1::UpdatePoolResponse> UpdatePool(const v1::UpdatePoolRequest& request,
                                            const CallOptions& options) override {
    return Call(*pools_, &v1::PoolService::Stub::UpdatePool, request, options);
  }
  Result<v1::ClosePoolResponse> ClosePool(const v1::ClosePoolRequest& request,
                                          const CallOptions& options) override {
    return Call(*pools_, &v1::PoolService::Stub::ClosePool, request, options);
  }

  std::unique_ptr<EventStream> StreamEvents(const v1::StreamEventsRequest& request,
                                            const CallOptions& options) override {
    Reconnect();
    return std::make_unique<GrpcReader<v1::StreamEventsResponse>>(
        address_, options,
        [this, &request](grpc::ClientContext* context) { return events_->StreamEvents(context, request); });
  }

  Result<v1::GetServerInfoResponse> GetServerInfo(const v1::GetServerInfoRequest& request,
                                                  const CallOptions& options) override {
    return Call(*admin_, &v1::AdminService::Stub::GetServerInfo, request, options);
  }
  Result<v1::DrainResponse> Drain(const v1::DrainRequest& request, const CallOptions& options) override {
    return Call(*admin_, &v1::AdminService::Stub::Drain, request, options);
  }
  Result<v1::ReloadResponse> Reload(const v1::ReloadRequest& request, const CallOptions& options) override {
    return Call(*admin_, &v1::AdminService::Stub::Reload, request, options);
  }
  Result<v1::ExplainResponse> Explain(const v1::ExplainRequest& request,
                                      const CallOptions& options) override {
    return Call(*admin_, &v1::AdminService::Stub::Explain, request, options);
  }

 private:
  // A channel gets on with connecting only while somebody waits for it (else gRPC looks every 5 s): does so
  // for a moment when the daemon was lost.
  void Reconnect() {
    constexpr std::chrono::milliseconds kMoment{100};
    const grpc_connectivity_state state = channel_->GetState(false);
    if (state != GRPC_CHANNEL_TRANSIENT_FAILURE && state != GRPC_CHANNEL_CONNECTING) return;
    channel_->WaitForConnected(std::chrono::system_clock::now() + kMoment);
  }

  template <typename Stub, typename Request, typename Response>
  Result<Response> Call(Stub& stub,
                        grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                        const Request& request, const CallOptions& options) {
    Reconnect();
    grpc::ClientContext context;
    Prepare(options, &context);
    Response response;
    const grpc::Status status = (stub.*method)(&context, request, &response);
    if (!status.ok()) return ExplainGrpc(status, address_);
    return response;
  }

  const std::string address_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::GroupService::Stub> groups_;
  const std::unique_ptr<v1::TaskService::Stub> tasks_;
  const std::unique_ptr<v1::PoolService::Stub> pools_;
  const std::unique_ptr<v1::EventService::Stub> events_;
  const std::unique_ptr<v1::AdminService::Stub> admin_;
};

}  // namespace

std::shared_ptr<Connection> MakeGrpcConnection(std::string address, const ConnectOptions& options) {
  return std::make_shared<GrpcConnection>(std::move(address), options);
}

}  // namespace covey::client
