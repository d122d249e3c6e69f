#include "tests/server/edge/edge_testing.h"

#include <grpcpp/create_channel.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/check.h"

namespace covey::edge {
namespace {

// A client that neither reads nor waits has no thread that looks at its sockets but gRPC's backup poller,
// which does so every 5 s by default. Before gRPC starts; for the client program as well.
[[maybe_unused]] const int kPollOften = setenv("GRPC_CLIENT_CHANNEL_BACKUP_POLL_INTERVAL_MS", "50", 1);

Handled Echo(EchoCall& call) {
  call.response().set_text(call.request().text());
  co_return grpc::Status::OK;
}

Handled Repeat(RepeatCall& call) {
  EchoResponse response;
  response.set_text(call.request().text());
  for (int64_t i = 0; call.request().count() == 0 || i < call.request().count(); ++i) {
    response.set_number(i);
    const bool ok = co_await call.Write(response);
    if (!ok) co_return call.EndStatus();
  }
  co_return grpc::Status::OK;
}

Handled Collect(CollectCall& call) {
  while (std::optional<EchoRequest> message = co_await call.Read()) {
    call.response().mutable_text()->append(message->text());
    call.response().set_number(call.response().number() + 1);
  }
  if (!call.half_closed()) co_return call.EndStatus();
  co_return grpc::Status::OK;
}

Handled Chat(ChatCall& call) {
  EchoResponse response;
  while (std::optional<EchoRequest> message = co_await call.Read()) {
    response.set_text(message->text());
    const bool ok = co_await call.Write(response);
    if (!ok) co_return call.EndStatus();
  }
  if (!call.half_closed()) co_return call.EndStatus();
  co_return grpc::Status::OK;
}

}  // namespace

EchoServer::EchoServer(Handlers handlers, ServerOptions options) {
  if (!handlers.echo) handlers.echo = Echo;
  if (!handlers.repeat) handlers.repeat = Repeat;
  if (!handlers.collect) handlers.collect = Collect;
  if (!handlers.chat) handlers.chat = Chat;
  char name[] = "/tmp/covey-edge-XXXXXX";
  COVEY_CHECK(mkdtemp(name) != nullptr);
  directory_ = name;
  unix_address_ = "unix:" + directory_ + "/socket";
  options.addresses = {unix_address_, "127.0.0.1:0"};
  options.log = [this, log = options.log](std::string_view line) {
    ++log_lines_;
    if (log) log(line);
  };
  server_ = std::make_unique<Server>(std::move(options));
  Add(*server_, "Echo", std::move(handlers.echo));
  Add(*server_, "Repeat", std::move(handlers.repeat));
  Add(*server_, "Collect", std::move(handlers.collect));
  Add(*server_, "Chat", std::move(handlers.chat));
  const Status started = server_->Start();
  COVEY_CHECK(started.ok());
  tcp_address_ = "127.0.0.1:" + std::to_string(server_->ports()[1]);
}

EchoServer::~EchoServer() {
  server_.reset();
  rmdir(directory_.c_str());
}

std::unique_ptr<EchoService::Stub> EchoServer::Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(-1);
  return EchoService::NewStub(
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
}

}  // namespace covey::edge
