#pragma once

#include <grpcpp/channel.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "echo.grpc.pb.h"
#include "server/edge/edge.h"

namespace covey::edge {

using test::edge::EchoRequest;
using test::edge::EchoResponse;
using test::edge::EchoService;

using Handled = Task<grpc::Status>;
using EchoCall = Unary<EchoRequest, EchoResponse>;
using RepeatCall = ServerStream<EchoRequest, EchoResponse>;
using CollectCall = ClientStream<EchoRequest, EchoResponse>;
using ChatCall = BidiStream<EchoRequest, EchoResponse>;

// Serves an RPC by a handler of the typed kind, as the services' dispatcher does.
template <class Kind>
Handled Serve(Call& raw, const std::function<Handled(Kind&)>& handler) {
  Kind call(raw);
  if constexpr (requires { call.ParseRequest(); }) {
    if (!call.ParseRequest()) co_return call.EndStatus();
  }
  Handled handling = handler(call);
  grpc::Status status = co_await handling;
  if constexpr (requires { call.response(); }) {
    if (status.ok()) raw.SetLast(call.response());
  }
  co_return status;
}
template <class Kind>
void Add(Server& server, const std::string& method, std::function<Handled(Kind&)> handler) {
  server.Add("/covey.test.edge.EchoService/" + method, Kind::kShape,
             [handler = std::move(handler)](Call& call) { return Serve<Kind>(call, handler); });
}

// The bound of everything that must come about by itself.
constexpr std::chrono::seconds kBound(30);

// Looks until `condition` holds; false when the bound has passed.
template <class Condition>
bool Eventually(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + kBound;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

// Counts the objects of it that are alive, for the locals of handlers.
class Alive {
 public:
  explicit Alive(std::atomic<int>& count) : count_(count) { ++count_; }
  ~Alive() { --count_; }
  Alive(const Alive&) = delete;
  Alive& operator=(const Alive&) = delete;

 private:
  std::atomic<int>& count_;
};

// What the four RPCs do. Each has a plain default: echo, `count` numbered messages, the texts joined, an echo
// of each message.
struct Handlers {
  std::function<Handled(EchoCall&)> echo;
  std::function<Handled(RepeatCall&)> repeat;
  std::function<Handled(CollectCall&)> collect;
  std::function<Handled(ChatCall&)> chat;
};

// A served EchoService on a unix socket of its own and on a TCP port.
class EchoServer {
 public:
  explicit EchoServer(Handlers handlers = {}, ServerOptions options = {});
  ~EchoServer();

  Server& server() { return *server_; }
  // Destroys the server, not its clients.
  void Destroy() { server_.reset(); }

  const std::string& unix_address() const { return unix_address_; }
  const std::string& tcp_address() const { return tcp_address_; }
  // A connection of its own.
  std::unique_ptr<EchoService::Stub> Connect() const { return Connect(unix_address_); }
  static std::unique_ptr<EchoService::Stub> Connect(const std::string& address);

  // No call is left, and nothing that a handler counted with Alive(alive()).
  bool Idle() const { return server_->live_calls() == 0 && alive_ == 0; }
  std::atomic<int>& alive() { return alive_; }
  // Lines that the server logged.
  int log_lines() const { return log_lines_; }

 private:
  std::atomic<int> alive_ = 0;
  std::atomic<int> log_lines_ = 0;
  std::string directory_;
  std::string unix_address_;
  std::string tcp_address_;
  std::unique_ptr<Server> server_;
};

}  // namespace covey::edge
