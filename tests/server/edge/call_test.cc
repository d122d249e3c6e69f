#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>
#include "echo.grpc.pb.h"
#include "server/edge/edge.h"

namespace covey::edge {
namespace {
using test::edge::EchoRequest;
using test::edge::EchoResponse;
using test::edge::EchoService;

Task<grpc::Status> Echo(Unary<EchoRequest, EchoResponse>& call) {
  call.response().set_text(call.request().text());
  co_return grpc::Status::OK;
}
Task<grpc::Status> Repeat(ServerStream<EchoRequest, EchoResponse>& call) {
  EchoResponse r;
  for (int i = 0; i < call.request().count(); ++i) {
    r.set_number(i);
    const bool ok = co_await call.Write(r);
    if (!ok) co_return call.EndStatus();
  }
  co_return grpc::Status::OK;
}
Task<grpc::Status> Collect(ClientStream<EchoRequest, EchoResponse>& call) {
  for (;;) {
    std::optional<EchoRequest> m = co_await call.Read();
    if (!m) break;
    call.response().mutable_text()->append(m->text());
  }
  co_return grpc::Status::OK;
}
Task<void> ReadAll(BidiStream<EchoRequest, EchoResponse>& call, int& n, Notifier notify) {
  while (std::optional<EchoRequest> m = co_await call.Read()) {
    ++n;
    notify();
  }
}
Task<grpc::Status> Chat(BidiStream<EchoRequest, EchoResponse>& call) {
  int n = 0;
  Signal news;
  Child<void> reader(ReadAll(call, n, news.notifier()));
  EchoResponse r;
  while (n < 3) {
    const Wake wake = co_await news.Wait();
    if (wake != Wake::kDone) co_return call.EndStatus();
    r.set_number(n);
    const bool ok = co_await call.Write(r);
    if (!ok) co_return call.EndStatus();
  }
  r.set_text("end");
  call.WriteLast(r);
  co_return grpc::Status::OK;
}

TEST(Smoke, All) {
  ServerOptions o;
  o.addresses = {"127.0.0.1:0"};
  EchoService::AsyncService service;
  Server server(o);
  server.Add(service, &EchoService::AsyncService::RequestEcho, &Echo);
  server.Add(service, &EchoService::AsyncService::RequestRepeat, &Repeat);
  server.Add(service, &EchoService::AsyncService::RequestCollect, &Collect);
  server.Add(service, &EchoService::AsyncService::RequestChat, &Chat);
  ASSERT_TRUE(server.Start().ok());
  auto channel = grpc::CreateChannel("127.0.0.1:" + std::to_string(server.ports()[0]),
                                     grpc::InsecureChannelCredentials());
  auto stub = EchoService::NewStub(channel);
  {
    grpc::ClientContext ctx;
    EchoRequest q;
    q.set_text("hi");
    EchoResponse a;
    auto s = stub->Echo(&ctx, q, &a);
    ASSERT_TRUE(s.ok()) << s.error_message();
    EXPECT_EQ(a.text(), "hi");
  }
  {
    grpc::ClientContext ctx;
    EchoRequest q;
    q.set_count(100);
    auto r = stub->Repeat(&ctx, q);
    EchoResponse a;
    int n = 0;
    while (r->Read(&a)) EXPECT_EQ(a.number(), n++);
    EXPECT_EQ(n, 100);
    EXPECT_TRUE(r->Finish().ok());
  }
  {
    grpc::ClientContext ctx;
    EchoResponse a;
    auto w = stub->Collect(&ctx, &a);
    EchoRequest q;
    q.set_text("x");
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(w->Write(q));
    w->WritesDone();
    EXPECT_TRUE(w->Finish().ok());
    EXPECT_EQ(a.text(), "xxxxx");
  }
  {
    grpc::ClientContext ctx;
    auto rw = stub->Chat(&ctx);
    EchoRequest q;
    q.set_text("x");
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(rw->Write(q));
    EchoResponse a;
    while (rw->Read(&a)) {
    }
    EXPECT_EQ(a.text(), "end");
    EXPECT_TRUE(rw->Finish().ok());
  }
  server.Shutdown(std::chrono::seconds(5));
  EXPECT_EQ(server.live_calls(), 0u);
}
}  // namespace
}  // namespace covey::edge
