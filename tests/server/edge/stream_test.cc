// Calls that go well, of each kind, and what their handlers may do.

#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/server/edge/edge_testing.h"

namespace covey::edge {
namespace {

TEST(Stream, TenThousandUnaryCallsFromFourThreads) {
  EchoServer server;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> clients;
  for (int thread = 0; thread < 4; ++thread) {
    clients.emplace_back([&, thread] {
      const auto stub = EchoServer::Connect(thread % 2 == 0 ? server.unix_address() : server.tcp_address());
      for (int i = 0; i < 2500; ++i) {
        grpc::ClientContext context;
        EchoRequest request;
        EchoResponse response;
        request.set_text(std::to_string(thread) + "/" + std::to_string(i));
        if (!stub->Echo(&context, request, &response).ok() || response.text() != request.text()) ++wrong;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_TRUE(Eventually([&] { return server.Idle(); }));
}

TEST(Stream, EachKindCarriesItsMessagesInOrder) {
  EchoServer server;
  for (const std::string& address : {server.unix_address(), server.tcp_address()}) {
    const auto stub = EchoServer::Connect(address);
    EchoRequest request;
    EchoResponse response;
    {
      grpc::ClientContext context;
      request.set_count(1000);
      const auto stream = stub->Repeat(&context, request);
      int64_t next = 0;
      while (stream->Read(&response)) EXPECT_EQ(response.number(), next++);
      EXPECT_EQ(next, 1000);
      EXPECT_TRUE(stream->Finish().ok());
    }
    {
      grpc::ClientContext context;
      const auto stream = stub->Collect(&context, &response);
      for (const char* text : {"a", "b", "c", "d", "e"}) {
        request.set_text(text);
        EXPECT_TRUE(stream->Write(request));
      }
      stream->WritesDone();
      EXPECT_TRUE(stream->Finish().ok());
      EXPECT_EQ(response.text(), "abcde");
    }
    {
      grpc::ClientContext context;
      const auto stream = stub->Chat(&context);
      for (int i = 0; i < 1000; ++i) {
        request.set_text(std::to_string(i));
        ASSERT_TRUE(stream->Write(request));
        ASSERT_TRUE(stream->Read(&response));
        ASSERT_EQ(response.text(), request.text());
      }
      stream->WritesDone();
      EXPECT_FALSE(stream->Read(&response));
      EXPECT_TRUE(stream->Finish().ok());
    }
  }
  EXPECT_TRUE(Eventually([&] { return server.Idle(); }));
}

TEST(Stream, AFailedUnaryCallCarriesStatusAndDetails) {
  Handlers handlers;
  handlers.echo = [](EchoCall& call) -> Handled {
    call.response().set_text("not to be seen");
    co_return grpc::Status(grpc::StatusCode::NOT_FOUND, "no such thing", "details");
  };
  EchoServer server(handlers);
  grpc::ClientContext context;
  EchoResponse response;
  const grpc::Status status = server.Connect()->Echo(&context, {}, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "no such thing");
  EXPECT_EQ(status.error_details(), "details");
  EXPECT_EQ(response.text(), "");
}

Task<void> ThrowLater(EchoCall& call, const std::string& what) {
  co_await call.Sleep(std::chrono::milliseconds(1));
  if (what == "odd") throw 5;
  throw std::runtime_error(what);
}

TEST(Stream, AnExceptionBecomesInternalAndALogLine) {
  Handlers handlers;
  handlers.echo = [](EchoCall& call) -> Handled {
    const std::string mode = call.request().mode();
    if (mode == "first") throw std::runtime_error("first");
    Task<void> throwing = ThrowLater(call, mode);
    if (mode == "child") {
      const Child<void> child(std::move(throwing));
      co_await call.Sleep(std::chrono::milliseconds(5));
      co_return grpc::Status::OK;
    }
    if (mode == "joined") {
      const Child<void> child(std::move(throwing));
      co_await child.Join();
    }
    co_await throwing;
    co_return grpc::Status::OK;
  };
  handlers.repeat = [](RepeatCall&) -> Handled { throw std::runtime_error("before there was a coroutine"); };
  handlers.collect = [](CollectCall&) -> Handled {
    static const bool throws = true;
    if (throws) throw std::logic_error("the same, without any co_return below");
    return {};
  };
  EchoServer server(handlers);
  const auto stub = server.Connect();
  int lines = 0;
  for (const char* mode : {"first", "later", "odd", "joined"}) {
    grpc::ClientContext context;
    EchoRequest request;
    EchoResponse response;
    request.set_mode(mode);
    const grpc::Status status = stub->Echo(&context, request, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL) << mode;
    EXPECT_EQ(status.error_message(), "internal error");
    EXPECT_EQ(server.log_lines(), ++lines) << mode;
  }
  {
    // A child that nobody joins fails alone.
    grpc::ClientContext context;
    EchoRequest request;
    EchoResponse response;
    request.set_mode("child");
    EXPECT_TRUE(stub->Echo(&context, request, &response).ok());
    EXPECT_EQ(server.log_lines(), ++lines);
  }
  grpc::ClientContext context;
  EchoResponse response;
  EXPECT_EQ(stub->Collect(&context, &response)->Finish().error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(server.log_lines(), ++lines);
  EXPECT_TRUE(Eventually([&] { return server.Idle(); }));
}

TEST(Stream, ASlowReaderStopsTheWriter) {
  constexpr int kMessage = 64 << 10;
  std::atomic<int64_t> written = 0;
  Handlers handlers;
  handlers.repeat = [&](RepeatCall& call) -> Handled {
    EchoResponse response;
    response.set_text(std::string(kMessage, 'x'));
    for (;;) {
      const bool ok = co_await call.Write(response);
      if (!ok) co_return call.EndStatus();
      written += kMessage;
    }
  };
  EchoServer server(handlers);
  grpc::ClientContext context;
  const auto stub = server.Connect();
  const auto stream = stub->Repeat(&context, {});
  // Wherever it comes to rest: what was taken off the handler's hands is bounded, by HTTP/2's window and
  // sockets.
  int64_t before = -1;
  while (before != written || written == 0) {
    before = written;
    ASSERT_LT(before, 32 << 20);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  // Other calls go on meanwhile.
  grpc::ClientContext other;
  EchoResponse response;
  EXPECT_TRUE(stub->Echo(&other, {}, &response).ok());
  // Reading lets it go on.
  for (int i = 0; i < 2000; ++i) ASSERT_TRUE(stream->Read(&response));
  EXPECT_GT(written, before);
  context.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(Eventually([&] { return server.Idle(); }));
}

Task<void> WriteMany(ChatCall& call, std::string name, int count) {
  EchoResponse response;
  response.set_text(name);
  for (int i = 0; i < count; ++i) {
    response.set_number(i);
    const bool ok = co_await call.Write(response, i % 2 == 0 ? Flush::kWithNext : Flush::kNow);
    if (!ok) co_return;
  }
}

TEST(Stream, SeveralWritersTakeTurns) {
  Handlers handlers;
  handlers.chat = [](ChatCall& call) -> Handled {
    Task<void> first = WriteMany(call, "first", 1000);
    Task<void> second = WriteMany(call, "second", 1000);
    Task<void> third = WriteMany(call, "third", 1000);
    Child<void> one(std::move(first));
    Child<void> two(std::move(second));
    co_await third;
    co_await one.Join();
    co_await two.Join();
    co_return grpc::Status::OK;
  };
  EchoServer server(handlers);
  grpc::ClientContext context;
  const auto stub = server.Connect();
  const auto stream = stub->Chat(&context);
  EchoResponse response;
  std::map<std::string, int64_t> next;
  while (stream->Read(&response)) ASSERT_EQ(response.number(), next[response.text()]++);
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(next, (std::map<std::string, int64_t>{{"first", 1000}, {"second", 1000}, {"third", 1000}}));
}

Task<void> ReadOne(ChatCall& call, bool& got) {
  std::optional<EchoRequest> message = co_await call.Read();
  got = message.has_value();
}

TEST(Stream, AReadThatWasGivenUpLosesNoMessage) {
  Handlers handlers;
  handlers.chat = [](ChatCall& call) -> Handled {
    for (int i = 0; i < 3; ++i) {
      bool got = false;
      Task<void> reading = ReadOne(call, got);
      Child<void> reader(std::move(reading));
      reader.Cancel();
      co_await reader.Join();
      if (got) co_return grpc::Status(grpc::StatusCode::INTERNAL, "a cancelled read gave a message");
    }
    const bool ok = co_await call.SendHeaders();
    if (!ok) co_return call.EndStatus();
    EchoResponse response;
    while (std::optional<EchoRequest> message = co_await call.Read()) {
      response.mutable_text()->append(message->text());
    }
    call.WriteLast(response);
    co_return grpc::Status::OK;
  };
  EchoServer server(handlers);
  grpc::ClientContext context;
  const auto stub = server.Connect();
  const auto stream = stub->Chat(&context);
  stream->WaitForInitialMetadata();  // by now the read was given up three times
  EchoRequest request;
  for (const char* text : {"a", "b", "c"}) {
    request.set_text(text);
    EXPECT_TRUE(stream->Write(request));
  }
  stream->WritesDone();
  EchoResponse response;
  EXPECT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.text(), "abc");
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST(Stream, TheFirstMessageIsNotHeldBackAndTheLastGoesWithTheStatus) {
  Handlers handlers;
  std::atomic<bool> go_on = false;
  handlers.repeat = [&](RepeatCall& call) -> Handled {
    EchoResponse response;
    const bool ok = co_await call.Write(response, Flush::kWithNext);
    if (!ok) co_return call.EndStatus();
    while (!go_on) co_await call.Sleep(std::chrono::milliseconds(1));
    response.set_number(2);
    call.WriteLast(response);
    co_return grpc::Status(grpc::StatusCode::ABORTED, "with a last word");
  };
  EchoServer server(handlers);
  grpc::ClientContext context;
  const auto stub = server.Connect();
  const auto stream = stub->Repeat(&context, {});
  EchoResponse response;
  EXPECT_TRUE(stream->Read(&response));
  go_on = true;
  EXPECT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.number(), 2);
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::ABORTED);
}

TEST(Stream, AHandlerMayReturnWhileAReadIsUnderWay) {
  Handlers handlers;
  handlers.chat = [](ChatCall& call) -> Handled {
    bool got = false;
    Task<void> reading = ReadOne(call, got);
    const Child<void> reader(std::move(reading));
    EchoResponse response;
    const bool ok = co_await call.Write(response);
    co_return ok ? grpc::Status::OK : call.EndStatus();
  };
  handlers.collect = [](CollectCall& call) -> Handled {
    std::optional<EchoRequest> message = co_await call.Read();
    call.response().set_text(message ? message->text() : "none");
    co_return grpc::Status::OK;
  };
  EchoServer server(handlers);
  const auto stub = server.Connect();
  for (int i = 0; i < 100; ++i) {
    grpc::ClientContext context;
    const auto stream = stub->Chat(&context);
    EchoResponse response;
    EXPECT_TRUE(stream->Read(&response));
    EXPECT_FALSE(stream->Read(&response));
    EXPECT_TRUE(stream->Finish().ok());
    grpc::ClientContext collecting;
    const auto collect = stub->Collect(&collecting, &response);
    EchoRequest request;
    request.set_text("only the first");
    collect->Write(request);
    collect->Write(request);
    EXPECT_TRUE(collect->Finish().ok());
    EXPECT_EQ(response.text(), "only the first");
  }
  EXPECT_TRUE(Eventually([&] { return server.Idle(); }));
}

TEST(Stream, TooLargeMessagesFailTheirCallAlone) {
  ServerOptions options;
  options.max_receive_bytes = 1 << 20;
  options.max_send_bytes = 1 << 20;
  std::atomic<bool> wrote = true;
  Handlers handlers;
  handlers.repeat = [&](RepeatCall& call) -> Handled {
    EchoResponse response;
    response.set_text(std::string(2 << 20, 'x'));
    wrote = co_await call.Write(response);
    co_return call.EndStatus();
  };
  EchoServer server(handlers, options);
  const auto stub = server.Connect();
  EchoRequest request;
  EchoResponse response;
  request.set_text(std::string(2 << 20, 'x'));
  {
    grpc::ClientContext context;
    EXPECT_EQ(stub->Echo(&context, request, &response).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  }
  {
    grpc::ClientContext context;
    const auto stream = stub->Collect(&context, &response);
    stream->Write(request);
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  }
  {
    grpc::ClientContext context;
    const auto stream = stub->Repeat(&context, {});
    EXPECT_FALSE(stream->Read(&response));
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    EXPECT_TRUE(Eventually([&] { return !wrote; }));
  }
  grpc::ClientContext context;
  EXPECT_TRUE(stub->Echo(&context, {}, &response).ok());
  EXPECT_TRUE(Eventually([&] { return server.Idle(); }));
}

TEST(Stream, AHandlerSeesDeadlineAndMetadata) {
  Handlers handlers;
  handlers.echo = [](EchoCall& call) -> Handled {
    const auto value = call.metadata("covey-test");
    call.response().set_text(value ? std::string(*value) : "none");
    const auto deadline = call.deadline();
    if (deadline) {
      const auto rest = *deadline - Call::Clock::now();
      call.response().set_number(std::chrono::duration_cast<std::chrono::seconds>(rest).count());
    }
    co_return grpc::Status::OK;
  };
  EchoServer server(handlers);
  const auto stub = server.Connect();
  EchoResponse response;
  {
    grpc::ClientContext context;
    EXPECT_TRUE(stub->Echo(&context, {}, &response).ok());
    EXPECT_EQ(response.text(), "none");
    EXPECT_EQ(response.number(), 0);
  }
  grpc::ClientContext context;
  context.AddMetadata("covey-test", "value");
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::hours(1));
  EXPECT_TRUE(stub->Echo(&context, {}, &response).ok());
  EXPECT_EQ(response.text(), "value");
  EXPECT_GT(response.number(), 3500);
  EXPECT_LE(response.number(), 3636);  // gRPC sends it with three digits, rounded up
}

}  // namespace
}  // namespace covey::edge
