#include "server/edge/server.h"

#include <grpc/grpc.h>
#include <grpcpp/ext/health_check_service_server_builder_option.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <sys/resource.h>

#include <algorithm>
#include <limits>

#include "core/base/check.h"
#include "server/edge/accept_guard.h"
#include "server/edge/armed_call.h"
#include "server/edge/raw_service.h"

namespace covey::edge {
namespace {

// Reflection for this server alone; the function that gRPC offers would switch it on for every later one.
class ReflectionOption final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    // The library may have put it there by itself, and a second one would be a duplicate registration.
    auto plugin = std::make_unique<grpc::reflection::ProtoServerReflectionPlugin>();
    for (const auto& other : *plugins) {
      if (other->name() == plugin->name()) return;
    }
    plugins->push_back(std::move(plugin));
  }
};

void Configure(const ServerOptions& options, grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(options.max_receive_bytes);
  builder.SetMaxSendMessageSize(options.max_send_bytes);
  // Without this a second daemon could bind the same port and take half of the connections.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_streams_per_connection);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, static_cast<int>(options.keepalive_time.count()));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             static_cast<int>(options.keepalive_timeout.count()));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // See client/grpc_connection.cc: with probes a window update may come up to 10 s late.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  // What is taken of a message before anybody reads it: see ReadGate. (Of one that is read, a MiB at a time.)
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 1 << 18);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // Clients may ping as well, every five seconds at most; the default would hang up on them.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5000);
  if (options.max_buffer_bytes > 0) {
    grpc::ResourceQuota quota("covey");
    quota.Resize(options.max_buffer_bytes);
    builder.SetResourceQuota(quota);
  }
  // Reflection is written against the synchronous API; its streams are rare and short.
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);
  if (options.reflection) builder.SetOption(std::make_unique<ReflectionOption>());
  if (options.health) {
    grpc::EnableDefaultHealthCheckService(true);
  } else {
    builder.SetOption(std::make_unique<grpc::HealthCheckServiceServerBuilderOption>(nullptr));
  }
}

// One reference to gRPC that is never given back: after the last one gRPC 1.51 joins a thread that may sleep
// in a poll of 10 s, and so would the exit of the daemon.
void KeepGrpc() { [[maybe_unused]] static const bool kKept = (grpc_init(), true); }

void KeepFilesFree(int count, const LogFunction& log) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const int all = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, std::numeric_limits<int>::max()));
  GuardAccept(std::max(all / 2, all - count), log);
}

// A handler that ends its call at once. The status outlives it.
Task<grpc::Status> End(const grpc::Status& status) { co_return status; }

}  // namespace

Server::Server(ServerOptions options) : options_(std::move(options)) {}

Server::~Server() { Shutdown(std::chrono::milliseconds(0)); }

void Server::Add(std::string name, Shape shape, Handler handler, Arrives arrives) {
  COVEY_CHECK(queues_.empty());  // add before Listen
  const size_t slash = name.rfind('/');
  COVEY_CHECK(name.starts_with('/') && slash > 1);
  const std::string service_name = name.substr(1, slash - 1);
  const auto known = std::find_if(services_.begin(), services_.end(),
                                  [&](const auto& service) { return service->name() == service_name; });
  RawService* service = known == services_.end() ? nullptr : known->get();
  if (service == nullptr) {
    services_.push_back(std::make_unique<RawService>(service_name));
    service = services_.back().get();
  }
  service->Add({.name = std::move(name),
                .shape = shape,
                .handler =
                    [this, handler = std::move(handler)](Call& call) {
                      return serving_.load(std::memory_order_acquire) ? handler(call)
                                                                      : End(options_.starting);
                    },
                .max_send_bytes = static_cast<size_t>(options_.max_send_bytes),
                .arrives = arrives});
}

Status Server::Start() {
  Status listening = Listen();
  if (listening.ok()) Serve();
  return listening;
}

Status Server::Listen() {
  COVEY_CHECK(queues_.empty());
  KeepGrpc();
  KeepFilesFree(options_.reserved_files, options_.log);
  grpc::ServerBuilder builder;
  Configure(options_, builder);
  ports_.assign(options_.addresses.size(), 0);
  for (size_t i = 0; i < ports_.size(); ++i) {
    builder.AddListeningPort(options_.addresses[i], grpc::InsecureServerCredentials(), &ports_[i]);
  }
  for (const auto& service : services_) builder.RegisterService(service.get());
  for (int i = 0; i < options_.queues; ++i) {
    queues_.push_back(std::make_unique<Queue>(builder.AddCompletionQueue(), options_.log));
  }
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) {
    for (const auto& queue : queues_) queue->CloseUnused();
    queues_.clear();
    // gRPC binds in order and leaves the port of the first failure, and of those behind it, as it was.
    for (size_t i = 0; i < ports_.size(); ++i) {
      if (ports_[i] == 0) return Status::Error("cannot listen on " + options_.addresses[i]);
    }
    return Status::Error("cannot start the server");
  }
  SetServing(false);
  for (const auto& queue : queues_) {
    for (const auto& service : services_) {
      for (const auto& method : service->methods()) {
        for (int i = 0; i < options_.armed_per_method; ++i) ArmedCall::Arm(*method, *queue);
      }
    }
    queue->Start();
  }
  return Status::Ok();
}

void Server::Serve() {
  serving_.store(true, std::memory_order_release);
  SetServing(true);
}

void Server::SetServing(bool serving) {
  grpc::HealthCheckServiceInterface* const health = server_->GetHealthCheckService();
  if (health == nullptr) return;
  for (const std::string& name : options_.health_names) health->SetServingStatus(name, serving);
  health->SetServingStatus(serving);
}

void Server::Shutdown(std::chrono::milliseconds grace) {
  const MutexLock lock(shutdown_mutex_);
  if (server_ == nullptr || down_) return;
  COVEY_CHECK(Queue::Current() == nullptr);  // it would wait for itself
  down_ = true;
  SetServing(false);
  for (const auto& queue : queues_) queue->Stop();
  // The calls get the grace, connections without calls do not: gRPC would wait as long for a client that does
  // not look at its connection.
  const auto end = std::chrono::steady_clock::now() + grace;
  for (const auto& queue : queues_) queue->AwaitNoCalls(end);
  // Calls that come meanwhile are answered UNAVAILABLE. Once gRPC says goodbye to connections it answers them
  // CANCELLED, which no client takes for a restart: so that takes no time.
  server_->Shutdown(std::chrono::system_clock::now());
  for (const auto& queue : queues_) queue->Drain();
  for (const auto& queue : queues_) queue->Join();
}

size_t Server::live_calls() const {
  size_t sum = 0;
  for (const auto& queue : queues_) sum += queue->live_calls();
  return sum;
}

}  // namespace covey::edge
