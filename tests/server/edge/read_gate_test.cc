// Few calls at a time receive a message that may be large.

#include "server/edge/read_gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "tests/server/edge/edge_testing.h"

namespace covey::edge {
namespace {

using std::chrono::milliseconds;

struct GateCounts {
  std::atomic<size_t> came = 0;
  std::atomic<int> within = 0;
};

grpc::Status NoPlace(const char* why) { return {grpc::StatusCode::RESOURCE_EXHAUSTED, why}; }

// Answers with the text of one message, received behind the gate.
Handled TakeOne(ReadGate& gate, GateCounts& counts, milliseconds patience, CollectCall& call) {
  ++counts.came;
  const Wake turn = co_await gate.Enter(ReadGate::Clock::now() + patience);
  if (turn != Wake::kDone) co_return NoPlace("no turn");
  ReadGate::Place place(gate, call.raw());
  const Alive within(counts.within);
  const bool read = co_await call.raw().Read();
  if (place.cut()) co_return NoPlace("cut");
  if (!read) co_return call.EndStatus();
  place.SetReceived();
  grpc::ByteBuffer bytes;
  call.raw().Take(bytes);
  EchoRequest request;
  if (!call.raw().Parse(bytes, request)) co_return call.EndStatus();
  call.response().set_text(request.text());
  co_return grpc::Status::OK;
}

// A call that has begun, and sends when it is told.
class Upload {
 public:
  explicit Upload(EchoService::Stub& stub) : writer_(stub.Collect(&context_, &response_)) {}

  // Its end, after the message was sent.
  grpc::Status Send(const std::string& text) {
    EchoRequest request;
    request.set_text(text);
    writer_->Write(request);
    writer_->WritesDone();
    const grpc::Status status = writer_->Finish();
    EXPECT_EQ(response_.text(), status.ok() ? text : "");
    return status;
  }
  grpc::Status End() { return writer_->Finish(); }
  void Cancel() { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  EchoResponse response_;
  std::unique_ptr<grpc::ClientWriter<EchoRequest>> writer_;
};

class ReadGateTest : public ::testing::Test {
 protected:
  void Serve(milliseconds patience, ReadGate::Clock::duration slow) {
    gate_ = std::make_unique<ReadGate>(slow);
    Handlers handlers;
    handlers.collect = [this, patience](CollectCall& call) {
      return TakeOne(*gate_, counts_, patience, call);
    };
    server_ = std::make_unique<EchoServer>(handlers);
    stub_ = server_->Connect();
  }
  // The next call, once it has come in.
  Upload& Begin() {
    uploads_.push_back(std::make_unique<Upload>(*stub_));
    EXPECT_TRUE(Eventually([this] { return counts_.came == uploads_.size(); }));
    return *uploads_.back();
  }
  void TearDown() override {
    for (const auto& upload : uploads_) upload->Cancel();
    EXPECT_TRUE(Eventually([this] { return server_->Idle(); }));
    EXPECT_EQ(counts_.within, 0);
  }

  GateCounts counts_;
  std::unique_ptr<ReadGate> gate_;
  std::unique_ptr<EchoServer> server_;
  std::unique_ptr<EchoService::Stub> stub_;
  std::vector<std::unique_ptr<Upload>> uploads_;
};

TEST_F(ReadGateTest, FewAreWithinAndOthersFollowInTheirOrder) {
  Serve(kBound, ReadGate::kSlow);
  for (size_t i = 0; i < ReadGate::kPlaces; ++i) Begin();
  Upload& next = Begin();
  Upload& last = Begin();
  EXPECT_EQ(static_cast<size_t>(counts_.within), ReadGate::kPlaces);
  EXPECT_TRUE(uploads_[1]->Send("a place becomes free").ok());
  EXPECT_TRUE(next.Send("and is the next one's").ok());
  EXPECT_TRUE(last.Send("and the last one's").ok());
}

TEST_F(ReadGateTest, OneThatGoesAwayLeavesItsPlaceInTheGateAndInTheLine) {
  Serve(kBound, ReadGate::kSlow);
  for (size_t i = 0; i < ReadGate::kPlaces; ++i) Begin();
  Upload& waits = Begin();
  Upload& behind = Begin();
  waits.Cancel();
  EXPECT_EQ(waits.End().error_code(), grpc::StatusCode::CANCELLED);
  uploads_[0]->Cancel();
  EXPECT_TRUE(behind.Send("its turn").ok());
}

TEST_F(ReadGateTest, WhoWaitsTooLongIsRefusedAndThenTheSlowestMakesRoom) {
  Serve(milliseconds(1), ReadGate::Clock::duration(0));
  for (size_t i = 0; i < ReadGate::kPlaces; ++i) Begin();
  EXPECT_EQ(Begin().End().error_message(), "no turn");
  EXPECT_EQ(uploads_[0]->End().error_message(), "cut");
  EXPECT_TRUE(Begin().Send("in its place").ok());
  EXPECT_TRUE(uploads_[1]->Send("not cut").ok());
}

TEST_F(ReadGateTest, WhoIsNotSlowKeepsItsPlace) {
  Serve(milliseconds(1), ReadGate::kSlow);
  for (size_t i = 0; i < ReadGate::kPlaces; ++i) Begin();
  EXPECT_EQ(Begin().End().error_message(), "no turn");
  for (size_t i = 0; i < ReadGate::kPlaces; ++i) EXPECT_TRUE(uploads_[i]->Send("as before").ok());
}

TEST_F(ReadGateTest, NotManyMayWait) {
  Serve(kBound, ReadGate::kSlow);
  for (size_t i = 0; i < ReadGate::kPlaces + ReadGate::kMostWaiting; ++i) Begin();
  EXPECT_EQ(Begin().End().error_message(), "no turn");
}

}  // namespace
}  // namespace covey::edge
