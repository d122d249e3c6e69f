#include "covey/client/scope.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "covey/client/client.h"
#include "tests/client/fake_connection.h"
#include "tests/client/fake_daemon.h"

namespace covey::client {
namespace {

// Runs groups: each takes tasks until its half-close or its cancel and counts them.
class ScopeTest : public testing::Test {
 protected:
  ScopeTest() {
    daemon_.run_group = [this](grpc::ServerContext*, RunGroupServerStream* stream) {
      v1::RunGroupRequest request;
      stream->Read(&request);
      pool_ = request.options().spec().pool();
      v1::RunGroupResponse message;
      message.mutable_created()->set_id("g");
      stream->Write(message);
      while (stream->Read(&request)) tasks_ += request.tasks_size();
      v1::Group& group = *message.mutable_result()->mutable_group();
      group.set_id("g");
      group.set_state(cancelled_ ? v1::GROUP_STATE_CANCELLED : v1::GROUP_STATE_SUCCEEDED);
      stream->Write(message);
      ended_ = true;
      return grpc::Status::OK;
    };
    daemon_.cancel_group = [this](const v1::CancelGroupRequest& request, v1::CancelGroupResponse* answer) {
      EXPECT_EQ(request.group_id(), "g");
      reason_ = request.reason();
      cancelled_ = true;
      answer->mutable_group()->set_id("g");
      return grpc::Status::OK;
    };
  }

  Client Connect() { return Client::Connect(daemon_.address()).value(); }

  // Written by the server's threads before the answers that the tests wait for.
  std::string pool_;
  std::string reason_;
  std::atomic<int> tasks_ = 0;
  std::atomic<bool> cancelled_ = false;
  std::atomic<bool> ended_ = false;
  FakeDaemon daemon_;
};

TEST_F(ScopeTest, WaitTellsHowItEnded) {
  v1::GroupSpec spec;
  spec.set_pool("batch");
  Result<Scope> scope = Connect().OpenScope(spec);
  ASSERT_TRUE(scope.ok());
  EXPECT_EQ(scope.value().id(), "g");
  EXPECT_EQ(pool_, "batch");
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(scope.value().Go(Function("covey.noop")).ok());
  EXPECT_EQ(scope.value().Wait().value().group().state(), v1::GROUP_STATE_SUCCEEDED);
  EXPECT_EQ(tasks_, 3);
  EXPECT_EQ(scope.value().Go(Function("covey.noop")).error().reason, "SCOPE_ENDED");
  EXPECT_TRUE(scope.value().Wait().ok());
  { const Scope left = std::move(scope.value()); }
  EXPECT_FALSE(cancelled_);
}

TEST_F(ScopeTest, LeftWithoutWaitItCancelsAndWaits) {
  {
    Result<Scope> scope = Connect().OpenScope();
    ASSERT_TRUE(scope.ok());
    EXPECT_TRUE(scope.value().Go(Function("covey.noop")).ok());
  }
  EXPECT_TRUE(cancelled_);
  EXPECT_TRUE(ended_);
  EXPECT_EQ(reason_, "its scope was left");
}

// As in the README: the name of a file is any bytes.
TEST_F(ScopeTest, ATaskThatCannotBeSentIsRefusedAndTheScopeGoesOn) {
  Result<Scope> scope = Connect().OpenScope();
  EXPECT_TRUE(scope.value().Go(Process({"touch", "first"})).ok());
  const Result<Void> refused = scope.value().Go(Process({"touch", "caf\xe9"}));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason, "BAD_REQUEST");
  EXPECT_EQ(refused.error().message, "process.argv[1] must be UTF-8, got \"caf\\xe9\"");
  EXPECT_TRUE(scope.value().Go(Process({"touch", "third"})).ok());
  EXPECT_EQ(scope.value().Wait().value().group().state(), v1::GROUP_STATE_SUCCEEDED);
  EXPECT_EQ(tasks_, 2);
}

TEST_F(ScopeTest, ManyThreadsMayGo) {
  Result<Scope> scope = Connect().OpenScope();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 100; ++k) EXPECT_TRUE(scope.value().Go(Function("covey.noop")).ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(scope.value().Wait().ok());
  EXPECT_EQ(tasks_, 400);
}

TEST_F(ScopeTest, CancelIsToldByWait) {
  Result<Scope> scope = Connect().OpenScope();
  EXPECT_TRUE(scope.value().Cancel("enough").ok());
  EXPECT_EQ(scope.value().Wait().value().group().state(), v1::GROUP_STATE_CANCELLED);
  EXPECT_EQ(reason_, "enough");
}

TEST_F(ScopeTest, MovedAndAssignedItIsLeftOnce) {
  Result<Scope> first = Connect().OpenScope();
  Result<Scope> second = Connect().OpenScope();
  first.value() = std::move(second.value());  // leaves the first
  EXPECT_TRUE(cancelled_);
  EXPECT_TRUE(first.value().Wait().ok());
}

TEST(ScopeErrorTest, ADaemonThatHangsDoesNotHoldUpWhoLeaves) {
  const auto connection = std::make_shared<FakeConnection>();
  connection->on_call = [](const methods::Method&, auto*) {
    return Error{.code = ErrorCode::kDeadlineExceeded, .reason = "r", .message = "m", .fields = {}};
  };
  connection->on_stream = [](const methods::Method&) {
    const auto created = std::make_shared<v1::RunGroupResponse>();
    created->mutable_created()->set_id("g");
    return std::make_unique<FakeStream>(std::vector<std::shared_ptr<google::protobuf::Message>>{created},
                                        Void{});
  };
  { const Result<Scope> scope = Client(connection).OpenScope(); }
  ASSERT_EQ(connection->asked.size(), 3U);
  EXPECT_EQ(connection->asked[1].method->name, "/covey.v1.GroupService/CancelGroup");
  EXPECT_TRUE(connection->asked[1].options.timeout.has_value());
  EXPECT_EQ(connection->asked[2].method->name, "/covey.v1.GroupService/WaitGroup");
  EXPECT_TRUE(connection->asked[2].options.timeout.has_value());
}

TEST(ScopeErrorTest, ARefusedGroupIsNoScope) {
  FakeDaemon daemon;
  daemon.run_group = [](grpc::ServerContext*, RunGroupServerStream*) {
    return DetailedStatus(grpc::StatusCode::UNAVAILABLE, "the daemon is draining", "DRAINING");
  };
  EXPECT_EQ(Client::Connect(daemon.address()).value().OpenScope().error().reason, "DRAINING");
  EXPECT_EQ(Client::Connect("unix:/nonexistent").value().OpenScope().error().reason, "UNREACHABLE");
}

}  // namespace
}  // namespace covey::client
