// The end of a server: whatever is open, whoever still calls.

#include <grpcpp/create_channel.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/server/edge/edge_testing.h"
#include "tests/server/edge/raw_client.h"

namespace covey::edge {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Streams that stay open on the client's side: each is read until its end on a thread of its own.
class OpenStreams {
 public:
  OpenStreams(const EchoServer& server, int count) : stub_(server.Connect()), statuses_(count) {
    for (int i = 0; i < count; ++i) {
      clients_.emplace_back([this, i] {
        grpc::ClientContext context;
        EchoRequest request;
        EchoResponse response;
        if (i % 2 == 0) {
          const auto stream = stub_->Chat(&context);
          while (stream->Read(&response)) {
          }
          statuses_[i] = stream->Finish();
        } else {
          statuses_[i] = stub_->Echo(&context, request, &response);
        }
      });
    }
  }
  // The status of each stream, once all have ended.
  std::vector<grpc::Status> Join() {
    for (std::thread& client : clients_) client.join();
    clients_.clear();
    return statuses_;
  }

 private:
  const std::unique_ptr<EchoService::Stub> stub_;
  std::vector<grpc::Status> statuses_;
  std::vector<std::thread> clients_;
};

TEST(Shutdown, EndsOpenStreamsAndWaitsOfTheEngineAtTheEndOfTheGrace) {
  std::atomic<int>* living = nullptr;
  std::atomic<int> told = 0;
  std::vector<Completer<int>> never;  // of the queue's thread until the end
  Handlers handlers;
  handlers.echo = [&](EchoCall& call) -> Handled {
    const Alive here(*living);
    Completion<int> result(OnStop::kWait);
    never.push_back(result.completer());
    const Result<int> value = co_await result;
    if (!value.ok() && call.cancelled()) ++told;
    co_return call.EndStatus();
  };
  handlers.chat = [&](ChatCall& call) -> Handled {
    // Ignores the server's stopping; goes when it is cancelled.
    const Alive here(*living);
    const bool ok = co_await call.SendHeaders();
    if (!ok) co_return call.EndStatus();
    Completion<int> result(OnStop::kWait);
    const Result<int> value = co_await result;
    if (!value.ok() && call.cancelled()) ++told;
    co_return call.EndStatus();
  };
  EchoServer server(handlers);
  living = &server.alive();
  OpenStreams streams(server, 50);
  ASSERT_TRUE(Eventually([&] { return server.alive() == 50; }));
  const auto before = std::chrono::steady_clock::now();
  server.server().Shutdown(milliseconds(300));
  const auto took = std::chrono::steady_clock::now() - before;
  EXPECT_GE(took, milliseconds(299));
  EXPECT_LT(took, kBound);
  EXPECT_TRUE(server.Idle());
  EXPECT_EQ(told, 50);
  for (const grpc::Status& status : streams.Join()) EXPECT_FALSE(status.ok());
  for (const auto& completer : never) EXPECT_TRUE(completer(1));
}

TEST(Shutdown, HandlersThatAreToldEndByThemselvesWithinTheGrace) {
  std::atomic<int>* living = nullptr;
  std::atomic<int> fooled = 0;
  Handlers handlers;
  handlers.echo = [&](EchoCall& call) -> Handled {
    const Alive here(*living);
    Completion<int> result(OnStop::kWake);
    const Result<int> value = co_await result;
    if (value.ok() || !call.stopping() || call.cancelled()) ++fooled;
    co_return call.EndStatus();
  };
  handlers.chat = [&](ChatCall& call) -> Handled {
    const Alive here(*living);
    if (*living % 3 == 0) {
      const bool slept = co_await call.Sleep(std::chrono::hours(1));
      if (slept) ++fooled;
    } else if (*living % 3 == 1) {
      std::optional<EchoRequest> message = co_await call.Read();
      if (message || call.half_closed()) ++fooled;
    } else {
      Signal never;
      const Wake first = co_await never.Wait();
      never.Notify();
      const Wake second = co_await never.Wait();
      const Wake third = co_await never.WaitFor(std::chrono::hours(1));
      if (first != Wake::kStopping || second != Wake::kDone || third != Wake::kStopping) ++fooled;
    }
    // Writing still works.
    EchoResponse last;
    last.set_text("bye");
    const bool ok = co_await call.Write(last);
    if (!ok) ++fooled;
    co_return call.EndStatus();
  };
  EchoServer server(handlers);
  living = &server.alive();
  OpenStreams streams(server, 50);
  ASSERT_TRUE(Eventually([&] { return server.alive() == 50; }));
  const auto before = std::chrono::steady_clock::now();
  server.server().Shutdown(std::chrono::minutes(5));
  EXPECT_LT(std::chrono::steady_clock::now() - before, kBound);
  EXPECT_TRUE(server.Idle());
  EXPECT_EQ(fooled, 0);
  for (const grpc::Status& status : streams.Join())
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
}

TEST(Shutdown, WithoutCallsTheGraceIsNotSpent) {
  constexpr seconds kGrace(20);
  EchoServer server;
  grpc::ClientContext context;
  EchoResponse response;
  ASSERT_TRUE(server.Connect()->Echo(&context, {}, &response).ok());
  const auto before = std::chrono::steady_clock::now();
  server.server().Shutdown(kGrace);
  EXPECT_LT(std::chrono::steady_clock::now() - before, kGrace);
}

TEST(Shutdown, WithoutGraceAndTwiceAndFromTwoThreadsAndByTheDestructor) {
  for (int i = 0; i < 5; ++i) {
    EchoServer server;
    grpc::ClientContext context;
    const auto stub = server.Connect();
    const auto stream = stub->Repeat(&context, {});
    EchoResponse response;
    ASSERT_TRUE(stream->Read(&response));
    std::thread other([&] { server.server().Shutdown(milliseconds(0)); });
    server.server().Shutdown(milliseconds(0));
    other.join();
    server.server().Shutdown(seconds(1));
    EXPECT_TRUE(server.Idle());
    while (stream->Read(&response)) {
    }
    EXPECT_FALSE(stream->Finish().ok());
  }
  EchoServer server;
  grpc::ClientContext context;
  const auto stub = server.Connect();
  const auto stream = stub->Repeat(&context, {});
  EchoResponse response;
  ASSERT_TRUE(stream->Read(&response));
  server.Destroy();
  while (stream->Read(&response)) {
  }
  EXPECT_FALSE(stream->Finish().ok());
}

TEST(Shutdown, WhileCallsKeepComingOnTwoQueues) {
  for (int round = 0; round < 10; ++round) {
    ServerOptions options;
    options.queues = 2;
    options.armed_per_method = 1 + round % 3;
    EchoServer server({}, options);
    std::atomic<bool> stop = false;
    std::atomic<int> answered = 0;
    std::vector<std::thread> clients;
    for (int i = 0; i < 4; ++i) {
      clients.emplace_back([&, i] {
        const auto stub = EchoServer::Connect(i % 2 == 0 ? server.unix_address() : server.tcp_address());
        while (!stop) {
          grpc::ClientContext context;
          EchoRequest request;
          EchoResponse response;
          request.set_count(3);
          if (i < 2) {
            if (stub->Echo(&context, request, &response).ok()) ++answered;
          } else {
            const auto stream = stub->Repeat(&context, request);
            while (stream->Read(&response)) {
            }
            stream->Finish();
          }
        }
      });
    }
    ASSERT_TRUE(Eventually([&] { return answered > 20; }));
    const auto before = std::chrono::steady_clock::now();
    server.server().Shutdown(seconds(10));
    EXPECT_LT(std::chrono::steady_clock::now() - before, kBound);
    EXPECT_TRUE(server.Idle());
    stop = true;
    for (std::thread& client : clients) client.join();
  }
}

TEST(Start, NamesTheAddressThatCannotBeBound) {
  EchoServer first;
  const std::string missing = "unix:/nonexistent-directory/socket";
  const std::vector<std::vector<std::string>> attempts = {
      {"127.0.0.1:0", first.tcp_address()},
      {first.tcp_address(), "127.0.0.1:0"},
      {"127.0.0.1:0", missing, "127.0.0.1:0"},
      {"no.such.host.invalid:1"},
  };
  const std::vector<std::string> culprits = {first.tcp_address(), first.tcp_address(), missing,
                                             "no.such.host.invalid:1"};
  for (size_t i = 0; i < attempts.size(); ++i) {
    ServerOptions options;
    options.addresses = attempts[i];
    Server server(std::move(options));
    Add<EchoCall>(server, "Echo", [](EchoCall&) -> Handled { co_return grpc::Status::OK; });
    const Status status = server.Start();
    ASSERT_FALSE(status.ok());
    EXPECT_NE(status.ToString().find(culprits[i]), std::string::npos) << status.ToString();
    server.Shutdown(seconds(1));
  }
  // The first one is unharmed.
  grpc::ClientContext context;
  EchoResponse response;
  EXPECT_TRUE(EchoServer::Connect(first.tcp_address())->Echo(&context, {}, &response).ok());
}

TEST(Start, BetweenListenAndServeCallsAreRefused) {
  const EchoServer other;  // for the folder of its socket
  ServerOptions options;
  options.addresses = {other.unix_address() + "-early"};
  options.starting = {grpc::StatusCode::UNAVAILABLE, "come again"};
  const std::string address = options.addresses[0];
  Server server(std::move(options));
  std::atomic<int> made = 0;
  Add<EchoCall>(server, "Echo", [&](EchoCall&) -> Handled {
    ++made;
    co_return grpc::Status::OK;
  });
  Add<ChatCall>(server, "Chat", [&](ChatCall&) -> Handled {
    ++made;
    co_return grpc::Status::OK;
  });
  ASSERT_TRUE(server.Listen().ok());
  RawClient client(address);
  const auto health = [&] { return client.Call("/grpc.health.v1.Health/Check", {Bytes("")}); };
  EXPECT_EQ(health().messages, std::vector<std::string>{"\x08\x02"}) << "NOT_SERVING";
  for (const char* method : {"Echo", "Chat"}) {
    const auto refused = client.Call("/covey.test.edge.EchoService/" + std::string(method), {Bytes("")});
    EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::UNAVAILABLE);
    EXPECT_EQ(refused.status.error_message(), "come again");
  }
  EXPECT_EQ(made, 0);
  server.Serve();
  EXPECT_EQ(health().messages, std::vector<std::string>{"\x08\x01"}) << "SERVING";
  for (const char* method : {"Echo", "Chat"}) {
    EXPECT_TRUE(client.Call("/covey.test.edge.EchoService/" + std::string(method), {Bytes("")}).status.ok());
  }
  EXPECT_EQ(made, 2);
}

TEST(Start, AServerThatOnlyListenedIsDestroyed) {
  const EchoServer other;
  ServerOptions options;
  options.addresses = {other.unix_address() + "-early"};
  Server server(std::move(options));
  Add<EchoCall>(server, "Echo", [](EchoCall&) -> Handled { co_return grpc::Status::OK; });
  ASSERT_TRUE(server.Listen().ok());
}

TEST(Start, AServerThatNeverStartedIsDestroyed) {
  ServerOptions options;
  options.addresses = {"127.0.0.1:0"};
  Server server(std::move(options));
  Add<EchoCall>(server, "Echo", [](EchoCall&) -> Handled { co_return grpc::Status::OK; });
}

TEST(Start, UnknownMethodsAreUnimplemented) {
  for (const bool extras : {true, false}) {
    ServerOptions options;
    options.health = extras;
    options.reflection = extras;
    EchoServer server({}, options);
    grpc::ClientContext context;
    EchoResponse response;
    // A service of another name on the same connection.
    const auto channel = grpc::CreateChannel(server.unix_address(), grpc::InsecureChannelCredentials());
    const grpc::internal::RpcMethod method("/covey.test.edge.Other/None",
                                           grpc::internal::RpcMethod::NORMAL_RPC, channel);
    const EchoRequest request;
    const grpc::Status status = grpc::internal::BlockingUnaryCall<EchoRequest, EchoResponse>(
        channel.get(), method, &context, request, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
    server.server().Shutdown(seconds(5));
  }
}

}  // namespace
}  // namespace covey::edge
