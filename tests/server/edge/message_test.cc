// Messages as bytes: those that cannot be parsed, those that are too large, those that come in pieces.

#include <gtest/gtest.h>

#include "tests/server/edge/edge_testing.h"
#include "tests/server/edge/raw_client.h"

namespace covey::edge {
namespace {

using grpc::ByteBuffer;

const std::string kEcho = "/covey.test.edge.EchoService/Echo";
const std::string kRepeat = "/covey.test.edge.EchoService/Repeat";
const std::string kCollect = "/covey.test.edge.EchoService/Collect";
const std::string kChat = "/covey.test.edge.EchoService/Chat";

ByteBuffer Encoded(const std::string& text) {
  EchoRequest request;
  request.set_text(text);
  request.set_count(1);
  return Bytes(request.SerializeAsString());
}

void ExpectMalformed(const grpc::Status& status, const std::string& what) {
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << what;
  EXPECT_NE(status.error_message().find("covey.test.edge.EchoRequest"), std::string::npos)
      << what << ": " << status.error_message();
}

// Not protobuf; a field that ends too early; a string that is not UTF-8.
const std::string kMalformed[] = {"\xff\xff\xff\xff", "\x0a\x7fshort",
                                  "\x0a\x04"
                                  "caf\xe9"};

TEST(Message, OneThatCannotBeParsedIsAnAnswerForEachShape) {
  EchoServer server;
  RawClient client(server.unix_address());
  for (const std::string& bytes : kMalformed) {
    for (const std::string& method : {kEcho, kRepeat, kCollect, kChat}) {
      const RawClient::Answer answer = client.Call(method, {Bytes(bytes)});
      ExpectMalformed(answer.status, method);
      EXPECT_TRUE(answer.messages.empty()) << method;
    }
  }
  for (const std::string& method : {kEcho, kRepeat, kCollect, kChat})
    EXPECT_TRUE(client.Call(method, {Encoded("still here")}).status.ok()) << method;
  EXPECT_TRUE(Eventually([&] { return server.Idle(); }));
}

// gRPC takes it for a half-close: the handler would answer as if everything had come.
TEST(Message, ALaterOneThatCannotBeParsedIsNoEndOfStream) {
  EchoServer server;
  RawClient client(server.unix_address());
  for (const std::string& bytes : kMalformed) {
    for (const std::string& method : {kCollect, kChat}) {
      const RawClient::Answer answer = client.Call(method, {Encoded("a"), Bytes(bytes), Encoded("c")});
      ExpectMalformed(answer.status, method);
      EXPECT_LE(answer.messages.size(), method == kChat ? 1U : 0U);
    }
  }
  EXPECT_TRUE(Eventually([&] { return server.Idle(); }));
}

TEST(Message, AnEmptyOneIsAMessage) {
  EchoServer server;
  RawClient client(server.unix_address());
  EXPECT_TRUE(client.Call(kEcho, {Bytes("")}).status.ok());
  EXPECT_TRUE(client.Call(kCollect, {Bytes(""), Bytes("")}).status.ok());
  const RawClient::Answer answer = client.Call(kChat, {Bytes(""), Bytes("")});
  EXPECT_TRUE(answer.status.ok());
  EXPECT_EQ(answer.messages.size(), 2U);
}

// A handler that does not look at what its reads and writes say still does not end with OK.
TEST(Message, AnAnswerThatIsTooLargeIsRefusedByItsSize) {
  ServerOptions options;
  options.max_send_bytes = 1000;
  Handlers handlers;
  handlers.echo = [](EchoCall& call) -> Handled {
    call.response().set_text(std::string(call.request().count(), 'x'));
    co_return grpc::Status::OK;
  };
  handlers.collect = [](CollectCall& call) -> Handled {
    call.response().set_text(std::string(1000, 'x'));
    co_return grpc::Status::OK;
  };
  std::atomic<int> written = 0;
  handlers.repeat = [&](RepeatCall& call) -> Handled {
    EchoResponse response;
    for (const int size : {10, 1000, 10}) {
      response.set_text(std::string(size, 'x'));
      const bool ok = co_await call.Write(response);
      if (ok) ++written;
    }
    EXPECT_EQ(call.EndStatus().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    co_return grpc::Status::OK;
  };
  handlers.chat = [](ChatCall& call) -> Handled {
    EchoResponse response;
    response.set_text(std::string(1000, 'x'));
    call.WriteLast(response);
    co_return grpc::Status::OK;
  };
  EchoServer server(handlers, options);
  const auto stub = server.Connect();
  const auto expect_refused = [](const grpc::Status& status) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    EXPECT_EQ(status.error_message(), "an answer must have at most 1000 bytes, this one would have 1003");
  };
  EchoRequest request;
  EchoResponse response;
  request.set_count(997);  // and three bytes of tag and length
  {
    grpc::ClientContext context;
    EXPECT_TRUE(stub->Echo(&context, request, &response).ok());
    EXPECT_EQ(response.ByteSizeLong(), 1000U);
  }
  request.set_count(1000);
  {
    grpc::ClientContext context;
    expect_refused(stub->Echo(&context, request, &response));
  }
  {
    grpc::ClientContext context;
    const auto stream = stub->Repeat(&context, request);
    while (stream->Read(&response)) {
    }
    expect_refused(stream->Finish());
    EXPECT_EQ(written, 1);
  }
  {
    grpc::ClientContext context;
    expect_refused(stub->Collect(&context, &response)->Finish());
  }
  grpc::ClientContext context;
  expect_refused(stub->Chat(&context)->Finish());
  EXPECT_TRUE(Eventually([&] { return server.Idle(); }));
}

Handled EchoPieces(Call& call) {
  for (;;) {
    const bool read = co_await call.Read();
    if (!read) break;
    ByteBuffer bytes;
    call.Take(bytes);
    // The answer's text is the request's, encoded alike; its number is a second piece.
    std::vector<grpc::Slice> slices;
    EXPECT_TRUE(bytes.Dump(&slices).ok());
    slices.emplace_back("\x10\x07");
    const ByteBuffer answer(slices.data(), slices.size());
    const bool ok = co_await call.Write(answer);
    if (!ok) co_return call.EndStatus();
  }
  if (!call.half_closed()) co_return call.EndStatus();
  co_return grpc::Status::OK;
}

TEST(Message, IsReadRawAndWrittenInPieces) {
  EchoServer other;  // for the folder of its socket
  ServerOptions options;
  options.addresses = {other.unix_address() + "-raw"};
  Server server(options);
  server.Add(kChat, Shape::kBidi, EchoPieces);
  ASSERT_TRUE(server.Start().ok());
  const auto stub = EchoServer::Connect(options.addresses[0]);
  grpc::ClientContext context;
  const auto stream = stub->Chat(&context);
  EchoRequest request;
  EchoResponse response;
  for (const int size : {1, 5, 100'000}) {
    request.set_text(std::string(size, 'x'));
    ASSERT_TRUE(stream->Write(request));
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_EQ(response.text(), request.text());
    EXPECT_EQ(response.number(), 7);
  }
  stream->WritesDone();
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
}

}  // namespace
}  // namespace covey::edge
