#include "covey/client/attached_group.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <string>
#include <thread>

#include "covey/client/client.h"
#include "tests/client/fake_daemon.h"

namespace covey::client {
namespace {

v1::RunGroupResponse Created(const std::string& id) {
  v1::RunGroupResponse message;
  message.mutable_created()->set_id(id);
  return message;
}

v1::RunGroupResponse ResultOf(v1::GroupState state) {
  v1::RunGroupResponse message;
  message.mutable_result()->mutable_group()->set_state(state);
  return message;
}

TEST(AttachedGroupTest, TasksGoThereAndMessagesComeBack) {
  FakeDaemon daemon;
  daemon.run_group = [](grpc::ServerContext*, RunGroupServerStream* stream) {
    v1::RunGroupRequest request;
    EXPECT_TRUE(stream->Read(&request));
    EXPECT_EQ(request.options().spec().name(), "demo");
    EXPECT_EQ(request.tasks_size(), 1);
    stream->Write(Created("g1"));
    int tasks = request.tasks_size();
    while (stream->Read(&request)) {
      EXPECT_FALSE(request.has_options());
      tasks += request.tasks_size();
      v1::RunGroupResponse output;
      output.mutable_output()->set_data("x");
      stream->Write(output);
    }
    v1::RunGroupResponse result = ResultOf(v1::GROUP_STATE_SUCCEEDED);
    result.mutable_result()->mutable_group()->mutable_tasks()->set_submitted(static_cast<uint32_t>(tasks));
    stream->Write(result);
    return grpc::Status::OK;
  };
  Client client = Client::Connect(daemon.address()).value();
  v1::RunGroupOptions options;
  options.mutable_spec()->set_name("demo");
  const auto group = client.RunGroup(options, {Process({"true"})});
  EXPECT_TRUE(group->id().empty());
  v1::RunGroupResponse message;
  ASSERT_TRUE(group->Next(&message));
  EXPECT_EQ(group->id(), "g1");
  EXPECT_TRUE(group->Add(Function("covey.noop")));
  EXPECT_TRUE(group->Add({Function("covey.noop"), Function("covey.noop")}));
  EXPECT_TRUE(group->Seal());
  int outputs = 0;
  while (group->Next(&message)) outputs += message.has_output() ? 1 : 0;
  EXPECT_EQ(outputs, 2);
  const Result<v1::GroupResult> result = group->Finish();
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.value().group().tasks().submitted(), 4U);
}

// A daemon whose groups run until they are cancelled by CancelGroup or by the end of the call.
class EndlessGroups {
 public:
  explicit EndlessGroups(FakeDaemon* daemon) {
    daemon->run_group = [this](grpc::ServerContext* context, RunGroupServerStream* stream) {
      v1::RunGroupRequest request;
      stream->Read(&request);
      stream->Write(Created("g1"));
      while (!cancelled_ && !context->IsCancelled()) std::this_thread::yield();
      if (context->IsCancelled()) {
        dropped_.set_value();
        return grpc::Status::CANCELLED;
      }
      stream->Write(ResultOf(v1::GROUP_STATE_CANCELLED));
      return grpc::Status::OK;
    };
    daemon->cancel_group = [this](const v1::CancelGroupRequest& request, v1::CancelGroupResponse* answer) {
      EXPECT_EQ(request.group_id(), "g1");
      EXPECT_EQ(request.reason(), "enough");
      EXPECT_FALSE(request.wait());
      cancelled_ = true;
      answer->mutable_group()->set_id("g1");
      return grpc::Status::OK;
    };
  }
  bool WaitDropped() { return dropped_.get_future().wait_for(kBound) == std::future_status::ready; }

 private:
  std::atomic<bool> cancelled_ = false;
  std::promise<void> dropped_;
};

TEST(AttachedGroupTest, CancelLetsTheCallGoOnToItsResult) {
  FakeDaemon daemon;
  EndlessGroups groups(&daemon);
  const auto group = Client::Connect(daemon.address()).value().RunGroup(v1::RunGroupOptions());
  EXPECT_EQ(group->Cancel("enough").error().reason, "NO_ID");
  v1::RunGroupResponse message;
  ASSERT_TRUE(group->Next(&message));
  EXPECT_TRUE(group->Cancel("enough").ok());
  const Result<v1::GroupResult> result = group->Finish();
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.value().group().state(), v1::GROUP_STATE_CANCELLED);
}

TEST(AttachedGroupTest, LeavingTheScopeEndsTheCall) {
  FakeDaemon daemon;
  EndlessGroups groups(&daemon);
  {
    const auto group = Client::Connect(daemon.address()).value().RunGroup(v1::RunGroupOptions());
    v1::RunGroupResponse message;
    ASSERT_TRUE(group->Next(&message));
  }
  EXPECT_TRUE(groups.WaitDropped());
}

TEST(AttachedGroupTest, AbandonFromAnotherThreadEndsNextAndAdd) {
  FakeDaemon daemon;
  EndlessGroups groups(&daemon);
  const auto group = Client::Connect(daemon.address()).value().RunGroup(v1::RunGroupOptions());
  v1::RunGroupResponse message;
  ASSERT_TRUE(group->Next(&message));
  std::thread writer([&] {
    v1::TaskSpec task = Process({std::string(100'000, 'x')});
    while (group->Add(task)) {  // the daemon reads none of them: stands still until the call ends
    }
  });
  std::thread other([&] { group->Abandon(); });
  EXPECT_FALSE(group->Next(&message));
  writer.join();
  other.join();
  EXPECT_EQ(group->Finish().error().code, ErrorCode::kCancelled);
  EXPECT_TRUE(groups.WaitDropped());
}

// What ran is still stopping when its call has ended: Finish waits for it, and says how the group ended.
class JoinTest : public testing::Test {
 protected:
  JoinTest() {
    daemon_.run_group = [this](grpc::ServerContext* context, RunGroupServerStream* stream) {
      v1::RunGroupRequest request;
      stream->Read(&request);
      stream->Write(Created("g1"));
      while (end_.ok() && !context->IsCancelled()) std::this_thread::yield();
      return context->IsCancelled() ? grpc::Status::CANCELLED : end_;
    };
    daemon_.wait_group = [this](const v1::WaitGroupRequest& request, v1::WaitGroupResponse* answer) {
      EXPECT_EQ(request.group_id(), "g1");
      EXPECT_FALSE(request.seal_when_idle());
      ++joined_;
      *answer->mutable_result() = ResultOf(state_).result();
      return grpc::Status::OK;
    };
  }
  std::unique_ptr<AttachedGroup> Run(const CallOptions& options = {}) {
    auto group = Client::Connect(daemon_.address()).value().RunGroup(v1::RunGroupOptions(), {}, options);
    v1::RunGroupResponse message;
    EXPECT_TRUE(group->Next(&message));
    return group;
  }

  // Set before the first call.
  grpc::Status end_;  // of the call; OK: none until it is cancelled
  v1::GroupState state_ = v1::GROUP_STATE_CANCELLED;
  std::atomic<int> joined_ = 0;
  FakeDaemon daemon_;
};

TEST_F(JoinTest, AfterAbandon) {
  const auto group = Run();
  group->Abandon();
  EXPECT_EQ(group->Finish().value().group().state(), v1::GROUP_STATE_CANCELLED);
  EXPECT_TRUE(group->Finish().ok());
  EXPECT_EQ(joined_, 1);
}

TEST_F(JoinTest, AfterItsDeadline) {
  state_ = v1::GROUP_STATE_FAILED;
  const auto group = Run({.timeout = std::chrono::milliseconds(300)});
  EXPECT_EQ(group->Finish().value().group().state(), v1::GROUP_STATE_FAILED);
}

TEST_F(JoinTest, AfterTheDaemonWasLostOrStopped) {
  end_ = {grpc::StatusCode::UNAVAILABLE, "Socket closed"};
  EXPECT_EQ(Run()->Finish().value().group().state(), v1::GROUP_STATE_CANCELLED);
  end_ = DetailedStatus(grpc::StatusCode::UNAVAILABLE, "stopping", "SHUTTING_DOWN");
  EXPECT_EQ(Run()->Finish().value().group().state(), v1::GROUP_STATE_CANCELLED);
  EXPECT_EQ(joined_, 2);
}

// The refusal is what there is to say, but nothing runs any more then either.
TEST_F(JoinTest, AfterARefusedMessage) {
  end_ = DetailedStatus(grpc::StatusCode::INVALID_ARGUMENT, "bad", "BAD_REQUEST", {{"tasks[0].name", "bad"}});
  EXPECT_EQ(Run()->Finish().error().reason, "BAD_REQUEST");
  EXPECT_EQ(joined_, 1);
  end_ = {};
  const auto group = Run();
  EXPECT_FALSE(group->Add(Process({"touch", "caf\xe9"})));
  EXPECT_EQ(group->Finish().error().fields.at(0).field, "tasks[0].process.argv[1]");
  EXPECT_EQ(joined_, 2);
}

TEST(AttachedGroupTest, AnEndWithoutResultIsAnError) {
  FakeDaemon daemon;
  daemon.run_group = [](grpc::ServerContext*, RunGroupServerStream*) { return grpc::Status::OK; };
  const auto group = Client::Connect(daemon.address()).value().RunGroup(v1::RunGroupOptions());
  EXPECT_EQ(group->Finish().error().reason, "NO_RESULT");
}

TEST(AttachedGroupTest, ARefusedGroupSaysWhy) {
  FakeDaemon daemon;
  daemon.run_group = [](grpc::ServerContext*, RunGroupServerStream*) {
    return DetailedStatus(grpc::StatusCode::INVALID_ARGUMENT, "bad", "BAD_FIELDS",
                          {{"options.spec.pool", "no such pool"}});
  };
  const auto group = Client::Connect(daemon.address()).value().RunGroup(v1::RunGroupOptions());
  const Result<v1::GroupResult> result = group->Finish();
  EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(result.error().fields.at(0).field, "options.spec.pool");
}

// Both sides are full at once: the writer must get on whenever the reader reads.
TEST(AttachedGroupTest, WritingAndReadingAtOnceDoNotBlockEachOther) {
  constexpr int kMessages = 200;
  FakeDaemon daemon;
  daemon.run_group = [](grpc::ServerContext*, RunGroupServerStream* stream) {
    v1::RunGroupRequest request;
    v1::RunGroupResponse output;
    output.mutable_output()->set_data(std::string(64 << 10, 'o'));
    stream->Read(&request);
    stream->Write(Created("g1"));
    while (stream->Read(&request)) stream->Write(output);
    stream->Write(ResultOf(v1::GROUP_STATE_SUCCEEDED));
    return grpc::Status::OK;
  };
  const auto group = Client::Connect(daemon.address()).value().RunGroup(v1::RunGroupOptions());
  std::thread writer([&] {
    const v1::TaskSpec task = Process({std::string(64 << 10, 'i')});
    for (int i = 0; i < kMessages; ++i) EXPECT_TRUE(group->Add(task));
    group->Seal();
  });
  int outputs = 0;
  for (v1::RunGroupResponse message; group->Next(&message);) outputs += message.has_output() ? 1 : 0;
  writer.join();
  EXPECT_EQ(outputs, kMessages);
  EXPECT_TRUE(group->Finish().ok());
}

}  // namespace
}  // namespace covey::client
