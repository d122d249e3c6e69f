// Messages as bytes: those that cannot be parsed, those that are too large, those that come in pieces.

#include <grpcpp/create_channel.h>
#include <grpcpp/impl/client_unary_call.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/sync_stream.h>
#include <gtest/gtest.h>

#include "tests/server/edge/edge_testing.h"

namespace covey::edge {
namespace {

using grpc::ByteBuffer;
using grpc::internal::RpcMethod;

ByteBuffer Bytes(std::string_view text) {
  const grpc::Slice slice(text.data(), text.size());
  return {&slice, 1};
}
ByteBuffer Encoded(const std::string& text) {
  EchoRequest request;
  request.set_text(text);
  return Bytes(request.SerializeAsString());
}

// A client that sends whatever bytes.
class RawClient {
 public:
  explicit RawClient(const EchoServer& server)
      : channel_(grpc::CreateChannel(server.unix_address(), grpc::InsecureChannelCredentials())) {}

  grpc::Status Echo(const ByteBuffer& request) {
    grpc::ClientContext context;
    ByteBuffer response;
    const RpcMethod method("/covey.test.edge.EchoService/Echo", RpcMethod::NORMAL_RPC, channel_);
    return grpc::internal::BlockingUnaryCall<ByteBuffer, ByteBuffer>(channel_.get(), method, &context, request,
                                                                     &response);
  }
  grpc::Status Repeat(const ByteBuffer& request) {
    grpc::ClientContext context;
    const RpcMethod method("/covey.test.edge.EchoService/Repeat", RpcMethod::SERVER_STREAMING, channel_);
    const std::unique_ptr<grpc::ClientReader<ByteBuffer>> stream(
        grpc::internal::ClientReaderFactory<ByteBuffer>::Create(channel_.get(), method, &context, request));
    ByteBuffer response;
    while (stream->Read(&response)) {
    }
    return stream->Finish();
  }
  grpc::Status Collect(const std::vector<ByteBuffer>& requests) {
    grpc::ClientContext context;
    ByteBuffer response;
    const RpcMethod method("/covey.test.edge.EchoService/Collect", RpcMethod::CLIENT_STREAMING, channel_);
    const std::unique_ptr<grpc::ClientWriter<ByteBuffer>> stream(
        grpc::internal::ClientWriterFactory<ByteBuffer>::Create(channel_.get(), method, &context, &response));
    for (const ByteBuffer& request : requests) stream->Write(request);
    stream->WritesDone();
    return stream->Finish();
  }
  grpc::Status Chat(const std::vector<ByteBuffer>& requests, int& answers) {
    grpc::ClientContext context;
    const RpcMethod method("/covey.test.edge.EchoService/Chat", RpcMethod::BIDI_STREAMING, channel_);
    const std::unique_ptr<grpc::ClientReaderWriter<ByteBuffer, ByteBuffer>> stream(
        grpc::internal::ClientReaderWriterFactory<ByteBuffer, ByteBuffer>::Create(channel_.get(), method, &context));
    for (const ByteBuffer& request : requests) stream->Write(request);
    stream->WritesDone();
    ByteBuffer response;
    for (answers = 0; stream->Read(&response); ++answers) {
    }
    return stream->Finish();
  }

 private:
  const std::shared_ptr<grpc::Channel> channel_;
};

void ExpectMalformed(const grpc::Status& status, const std::string& what) {
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << what;
  EXPECT_NE(status.error_message().find("covey.test.edge.EchoRequest"), std::string::npos)
      << what << ": " << status.error_message();
}

// Not protobuf; a field that ends too early; a string that is not UTF-8.
const std::string kMalformed[] = {"\xff\xff\xff\xff", "\x0a\x7fshort", "\x0a\x04" "caf\xe9"};

TEST(Message, OneThatCannotBeParsedIsAnAnswerForEachShape) {
  EchoServer server;
  RawClient client(server);
  for (const std::string& bytes : kMalformed) {
    const ByteBuffer bad = Bytes(bytes);
    ExpectMalformed(client.Echo(bad), "echo");
    ExpectMalformed(client.Repeat(bad), "repeat");
    ExpectMalformed(client.Collect({bad}), "collect");
    int answers = 0;
    ExpectMalformed(client.Chat({bad}, answers), "chat");
    EXPECT_EQ(answers, 0);
  }
  EXPECT_TRUE(client.Echo(Encoded("still here")).ok());
  EXPECT_TRUE(Eventually([&] { return server.Idle(); }));
}

// gRPC takes it for a half-close: the handler would answer as if everything had come.
TEST(Message, ALaterOneThatCannotBeParsedIsNoEndOfStream) {
  EchoServer server;
  RawClient client(server);
  for (const std::string& bytes : kMalformed) {
    const std::vector<ByteBuffer> requests = {Encoded("a"), Bytes(bytes), Encoded("c")};
    ExpectMalformed(client.Collect(requests), "collect");
    int answers = 0;
    ExpectMalformed(client.Chat(requests, answers), "chat");
    EXPECT_LE(answers, 1);  // a status overtakes what the client has not read yet
  }
  EXPECT_TRUE(Eventually([&] { return server.Idle(); }));
}

TEST(Message, AnEmptyOneIsAMessage) {
  EchoServer server;
  RawClient client(server);
  EXPECT_TRUE(client.Echo(Bytes("")).ok());
  EXPECT_TRUE(client.Collect({Bytes(""), Bytes("")}).ok());
  int answers = 0;
  EXPECT_TRUE(client.Chat({Bytes(""), Bytes("")}, answers).ok());
  EXPECT_EQ(answers, 2);
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
  server.Add("/covey.test.edge.EchoService/Chat", Shape::kBidi, EchoPieces);
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
