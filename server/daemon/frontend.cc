#include "server/daemon/frontend.h"

#include <algorithm>
#include <string_view>
#include <thread>
#include <utility>

#include "core/base/check.h"
#include "google/rpc/error_details.pb.h"
#include "grpc/health/v1/health.pb.h"
#include "server/daemon/inheritance.h"
#include "server/daemon/open_files.h"
#include "server/edge/errors.h"
#include "server/services/services.h"
#include "server/services/status.h"

namespace covey {

Frontend::Frontend(const Config& config, std::shared_ptr<Log> log)
    : config_(config), log_(std::move(log)), listeners_(config.listen) {}

Frontend::~Frontend() { Shutdown(std::chrono::milliseconds(0)); }

Status Frontend::Listen() {
  // Linked in, so that reflection can describe the health service that gRPC brings along, and the details of
  // errors, which no message of the contract names.
  COVEY_CHECK(grpc::health::v1::HealthCheckRequest::descriptor() != nullptr);
  COVEY_CHECK(google::rpc::ErrorInfo::descriptor() != nullptr);
  if (Status status = listeners_.Claim(); !status.ok()) return status;
  const auto end = std::chrono::steady_clock::now() + kInheritance;
  for (;;) {
    MakeServer();
    const Status status = server_->Listen();
    if (status.ok()) return listeners_.Publish(server_->ports(), config_);
    if (std::chrono::steady_clock::now() >= end) return listeners_.Named(status);
    std::this_thread::sleep_for(kInheritance / 10);
  }
}

void Frontend::MakeServer() {
  dispatcher_.reset();
  server_ = std::make_unique<edge::Server>(
      edge::ServerOptions{.addresses = listeners_.addresses(),
                          .queues = config_.queues,
                          .max_buffer_bytes = config_.max_connection_memory,
                          .reserved_files = open_files::KeptFromConnections(open_files::Limit()),
                          .health_names = ServiceNames(),
                          .starting = ToGrpc(edge::ServerStarting()),
                          .log = log_->Teller(LogPart::kCalls, LogLevel::kError, "edge")});
  dispatcher_ = std::make_unique<Dispatcher>(*server_, context_);
  AddServices(*dispatcher_);
}

const std::string& Frontend::AddressForTasks() const {
  const auto socket = std::find_if(addresses().begin(), addresses().end(),
                                   [](const std::string& address) { return address.starts_with("unix:"); });
  return socket == addresses().end() ? addresses().front() : *socket;
}

void Frontend::Serve(ServiceContext context) {
  context_ = std::move(context);
  context_.listen = listeners_.names();
  context_.on_drain = [this] { ShowServing(); };
  server_->Serve();
  ShowServing();
}

void Frontend::ShowServing() {
  MutexLock lock(serving_mutex_);
  serving_ = !context_.engine->draining();
  server_->SetServing(serving_ && well_);
}

void Frontend::SetWell(bool well) {
  MutexLock lock(serving_mutex_);
  well_ = well;
  if (serving_) server_->SetServing(well_);
}

std::vector<Heartbeat::Probe> Frontend::Probes() {
  std::vector<Heartbeat::Probe> probes;
  for (size_t i = 0; i < server_->queues(); ++i) {
    probes.push_back([engine = context_.engine, mailbox = server_->mailbox(i)](std::function<void()> answer) {
      mailbox->Post([engine, answer = std::move(answer)] {
        (void)engine->counts();
        answer();
      });
    });
  }
  return probes;
}

void Frontend::Shutdown(std::chrono::milliseconds grace) {
  listeners_.Withdraw();
  if (server_ == nullptr) return;
  {
    MutexLock lock(serving_mutex_);
    serving_ = false;  // whoever has news of its health tells nobody any more
  }
  server_->Shutdown(grace);
  server_.reset();
  if (context_.readers != nullptr) context_.readers->Stop();  // for calls that were cancelled
}

}  // namespace covey
