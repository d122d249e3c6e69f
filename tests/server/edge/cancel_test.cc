// Calls that end early, while their handler waits for each thing it can wait for.

#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/server/edge/edge_testing.h"

extern char** environ;

namespace covey::edge {
namespace {

// What Wait below waits for.
constexpr const char* kWaits[] = {"read", "write", "completion", "signal", "timed signal", "sleep", "join",
                                  "task", "child", "grandchild", "finish", "never started"};

struct Observed {
  std::atomic<int> waiting = 0;  // handlers that are about to wait
  std::atomic<int> told = 0;     // handlers that learnt from their wait that the call is over
  std::atomic<int> fooled = 0;   // handlers that took the end for something else
};

Task<bool> WaitInTask(ChatCall& call, std::atomic<int>& alive) {
  const Alive here(alive);
  const bool slept = co_await call.Sleep(std::chrono::hours(1));
  co_return slept;
}

Task<void> WaitInChild(ChatCall& call, std::atomic<int>& alive, int depth) {
  const Alive here(alive);
  if (depth > 0) {
    Task<void> deeper = WaitInChild(call, alive, depth - 1);
    Child<void> child(std::move(deeper));
    co_await child.Join();
    co_return;
  }
  Signal never;
  Wake wake = Wake::kDone;
  while (wake != Wake::kCancelled) wake = co_await never.Wait();
}

// Waits as told by the first message; true when the wait ended in the way that says "over".
Task<bool> Wait(ChatCall& call, std::string mode, std::atomic<int>& alive, std::atomic<int>& waiting) {
  const Alive here(alive);
  if (mode == "read") {
    ++waiting;
    std::optional<EchoRequest> message = co_await call.Read();
    co_return !message && !call.half_closed();
  }
  if (mode == "write") {
    EchoResponse response;
    response.set_text(std::string(1 << 20, 'x'));
    ++waiting;
    for (;;) {
      const bool ok = co_await call.Write(response);
      if (!ok) co_return true;
    }
  }
  if (mode == "completion") {
    Completion<std::unique_ptr<int>> never;
    const auto completer = never.completer();
    ++waiting;
    const Result<std::unique_ptr<int>> value = co_await never;
    co_return !value.ok();
  }
  if (mode == "signal" || mode == "timed signal") {
    Signal never;
    ++waiting;
    const auto deadline =
        mode == "signal" ? Signal::Clock::time_point::max() : Signal::Clock::now() + std::chrono::hours(1);
    const Wake wake = co_await never.WaitUntil(deadline);
    co_return wake == Wake::kCancelled;
  }
  if (mode == "sleep") {
    ++waiting;
    const bool slept = co_await call.Sleep(std::chrono::hours(1));
    co_return !slept;
  }
  if (mode == "task") {
    ++waiting;
    Task<bool> task = WaitInTask(call, alive);
    const bool slept = co_await task;
    co_return !slept;
  }
  if (mode == "join" || mode == "grandchild") {
    Task<void> task = WaitInChild(call, alive, mode == "join" ? 0 : 2);
    Child<void> child(std::move(task));
    ++waiting;
    co_await child.Join();
    co_return call.cancelled();
  }
  if (mode == "child") {
    // Both wait; the child is ended by its destructor.
    Task<void> task = WaitInChild(call, alive, 1);
    const Child<void> child(std::move(task));
    ++waiting;
    const bool slept = co_await call.Sleep(std::chrono::hours(1));
    co_return !slept;
  }
  if (mode == "finish") {
    // The last message cannot be sent before the client reads.
    EchoResponse response;
    response.set_text(std::string((4 << 20) - 1024, 'x'));
    ++waiting;
    call.WriteLast(response);
    co_return true;
  }
  // A task that never starts, then a wait.
  Task<bool> unused = WaitInTask(call, alive);
  ++waiting;
  const bool slept = co_await call.Sleep(std::chrono::hours(1));
  co_return !slept;
}

Handlers Waiting(Observed& observed, std::atomic<int>*& alive) {
  Handlers handlers;
  handlers.chat = [&](ChatCall& call) -> Handled {
    std::optional<EchoRequest> first = co_await call.Read();
    if (!first) co_return call.EndStatus();
    Task<bool> waiting = Wait(call, first->mode(), *alive, observed.waiting);
    const bool told = co_await waiting;
    told ? ++observed.told : ++observed.fooled;
    co_return call.EndStatus();
  };
  return handlers;
}

class Cancel : public testing::TestWithParam<const char*> {
 protected:
  Observed observed_;
  std::atomic<int>* alive_ = nullptr;
  EchoServer server_{Waiting(observed_, alive_)};
  void SetUp() override { alive_ = &server_.alive(); }
};

TEST_P(Cancel, ByTheClient) {
  const auto stub = server_.Connect();
  for (int i = 1; i <= 20; ++i) {
    grpc::ClientContext context;
    const auto stream = stub->Chat(&context);
    EchoRequest request;
    request.set_mode(GetParam());
    ASSERT_TRUE(stream->Write(request));
    ASSERT_TRUE(Eventually([&] { return observed_.waiting == i; }));
    context.TryCancel();
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
    ASSERT_TRUE(Eventually([&] { return server_.Idle(); })) << i;
    EXPECT_EQ(observed_.told, i);
  }
  EXPECT_EQ(observed_.fooled, 0);
}

TEST_P(Cancel, ByTheDeadline) {
  const auto stub = server_.Connect();
  for (int i = 1; i <= 3; ++i) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(100));
    const auto stream = stub->Chat(&context);
    EchoRequest request;
    request.set_mode(GetParam());
    stream->Write(request);
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
    ASSERT_TRUE(Eventually([&] { return server_.Idle(); }));
  }
  EXPECT_EQ(observed_.fooled, 0);
}

INSTANTIATE_TEST_SUITE_P(Waits, Cancel, testing::ValuesIn(kWaits), [](const auto& param) {
  std::string name = param.param;
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
});

// A handler's view of its client's requests: all that were sent and then the end of them, or a cancellation;
// never a cancellation that looks like the end.
TEST(HalfClose, IsNeverACancellation) {
  std::atomic<int> begun = 0;
  std::atomic<int> half_closed = 0;
  std::atomic<int> cancelled = 0;
  Handlers handlers;
  handlers.collect = [&](CollectCall& call) -> Handled {
    ++begun;
    while (std::optional<EchoRequest> message = co_await call.Read()) {
    }
    call.half_closed() ? ++half_closed : ++cancelled;
    co_return call.half_closed() ? grpc::Status::OK : call.EndStatus();
  };
  EchoServer server(handlers);
  const auto stub = server.Connect();
  constexpr int kRounds = 200;
  for (int i = 1; i <= kRounds; ++i) {
    grpc::ClientContext context;
    EchoResponse response;
    const auto stream = stub->Collect(&context, &response);
    EchoRequest request;
    stream->Write(request);
    ASSERT_TRUE(Eventually([&] { return begun == i; }));
    context.TryCancel();
    stream->Finish();
    ASSERT_TRUE(Eventually([&] { return server.Idle(); }));
  }
  EXPECT_EQ(half_closed, 0);
  EXPECT_EQ(cancelled, kRounds);
  for (int i = 0; i < kRounds; ++i) {
    grpc::ClientContext context;
    EchoResponse response;
    const auto stream = stub->Collect(&context, &response);
    stream->WritesDone();
    EXPECT_TRUE(stream->Finish().ok());
  }
  EXPECT_EQ(half_closed, kRounds);
}

// Runs the client program of this folder against `address`; it opens one call of each kind and keeps them
// open.
pid_t StartClient(const std::string& address) {
  std::string program = EDGE_CLIENT;
  std::string argument = address;
  char* argv[] = {program.data(), argument.data(), nullptr};
  pid_t pid = -1;
  EXPECT_EQ(posix_spawn(&pid, program.c_str(), nullptr, nullptr, argv, environ), 0);
  return pid;
}

TEST(Kill, ADeadClientEndsItsCallsAtOnce) {
  std::atomic<int> waiting = 0;
  std::atomic<int> fooled = 0;
  std::atomic<int>* alive = nullptr;
  Handlers handlers;
  handlers.echo = [&](EchoCall& call) -> Handled {
    const Alive here(*alive);
    Completion<int> never;
    ++waiting;
    const Result<int> value = co_await never;
    if (value.ok()) ++fooled;
    co_return call.EndStatus();
  };
  handlers.collect = [&](CollectCall& call) -> Handled {
    const Alive here(*alive);
    ++waiting;
    while (std::optional<EchoRequest> message = co_await call.Read()) {
    }
    if (call.half_closed()) ++fooled;
    co_return call.EndStatus();
  };
  handlers.repeat = [&](RepeatCall& call) -> Handled {
    const Alive here(*alive);
    ++waiting;
    EchoResponse response;
    response.set_text(std::string(1 << 16, 'x'));
    for (;;) {
      const bool ok = co_await call.Write(response);
      if (!ok) co_return call.EndStatus();
    }
  };
  handlers.chat = [&](ChatCall& call) -> Handled {
    const Alive here(*alive);
    ++waiting;
    Signal never;
    const Wake wake = co_await never.Wait();
    if (wake != Wake::kCancelled) ++fooled;
    co_return call.EndStatus();
  };
  EchoServer server(handlers);
  alive = &server.alive();
  for (const std::string& address : {server.unix_address(), server.tcp_address()}) {
    for (int i = 0; i < 3; ++i) {
      waiting = 0;
      const pid_t client = StartClient(address);
      ASSERT_GT(client, 0);
      ASSERT_TRUE(Eventually([&] { return waiting == 4; }));
      EXPECT_EQ(server.server().live_calls(), 4u);
      kill(client, SIGKILL);
      int status = 0;
      ASSERT_EQ(waitpid(client, &status, 0), client);
      const auto killed = std::chrono::steady_clock::now();
      ASSERT_TRUE(Eventually([&] { return server.Idle(); }));
      // Far below the keepalive: the closed socket tells.
      EXPECT_LT(std::chrono::steady_clock::now() - killed, std::chrono::seconds(5));
    }
  }
  EXPECT_EQ(fooled, 0);
}

Task<void> Forever(std::atomic<int>& alive) {
  const Alive here(alive);
  for (;;) {
    Signal never;
    const Wake wake = co_await never.Wait();
    if (wake == Wake::kCancelled) break;
  }
}

TEST(ChildOfAHandler, EndsWithItsScopeHoweverThatIsLeft) {
  std::atomic<int>* alive = nullptr;
  std::atomic<int> left = -1;
  Handlers handlers;
  handlers.echo = [&](EchoCall& call) -> Handled {
    {
      // Locals that the child refers to are still there when it is ended.
      Task<void> first = Forever(*alive);
      Task<void> second = Forever(*alive);
      const Child<void> one(std::move(first));
      const Child<void> two(std::move(second));
      if (*alive != 2) co_return grpc::Status(grpc::StatusCode::INTERNAL, "children start at once");
      if (call.request().mode() == "throw") throw 1;
      if (call.request().mode() == "return") co_return grpc::Status::OK;
    }
    left = alive->load();
    co_return grpc::Status::OK;
  };
  EchoServer server(handlers);
  alive = &server.alive();
  const auto stub = server.Connect();
  for (const char* mode : {"fall out", "return", "throw"}) {
    grpc::ClientContext context;
    EchoRequest request;
    EchoResponse response;
    request.set_mode(mode);
    const grpc::Status status = stub->Echo(&context, request, &response);
    EXPECT_EQ(status.error_code(),
              std::string(mode) == "throw" ? grpc::StatusCode::INTERNAL : grpc::StatusCode::OK)
        << mode;
    EXPECT_EQ(*alive, 0) << mode;
  }
  EXPECT_EQ(left, 0);
}

TEST(ChildOfAHandler, MadeAfterTheCancelItWaitsForNothing) {
  std::atomic<int>* alive = nullptr;
  std::atomic<int> ended = -1;
  Handlers handlers;
  handlers.echo = [&](EchoCall& call) -> Handled {
    {
      const Alive here(*alive);
      const Signal never;
      const Wake wake = co_await never.Wait();
      EXPECT_EQ(wake, Wake::kCancelled);
    }
    Task<void> task = Forever(*alive);
    const Child<void> late(std::move(task));
    ended = late.done() ? 1 : 0;
    co_return call.EndStatus();
  };
  EchoServer server(handlers);
  alive = &server.alive();
  grpc::ClientContext context;
  std::thread client([&, stub = server.Connect()] {
    EchoResponse response;
    EXPECT_FALSE(stub->Echo(&context, {}, &response).ok());
  });
  EXPECT_TRUE(Eventually([&] { return *alive == 1; }));
  context.TryCancel();
  client.join();
  EXPECT_TRUE(Eventually([&] { return ended != -1; }));
  EXPECT_EQ(ended, 1);
}

}  // namespace
}  // namespace covey::edge
