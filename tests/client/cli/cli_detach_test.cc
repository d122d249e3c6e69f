// `covey run --detach` against a daemon that does what the test says.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <string>
#include <vector>

#include "core/base/mutex.h"
#include "tests/client/cli/program.h"
#include "tests/client/fake_daemon.h"

namespace covey::cli {
namespace {

const char kTrueTask[] = "{\"process\":{\"argv\":[\"true\"]}}\n";

class CliDetachTest : public testing::Test {
 protected:
  client::FakeDaemon daemon_;
  std::atomic<bool> cancelled_ = false;
};

TEST_F(CliDetachTest, DetachPrintsTheIdAlone) {
  std::vector<v1::SubmitTasksRequest> submits;
  daemon_.create_group = [](const v1::CreateGroupRequest& request, v1::CreateGroupResponse* answer) {
    EXPECT_FALSE(request.request_id().empty());
    EXPECT_EQ(request.tasks_size(), 1'000);
    EXPECT_FALSE(request.seal());
    answer->mutable_group()->set_id("g9");
    return grpc::Status::OK;
  };
  daemon_.submit_tasks = [&submits](const v1::SubmitTasksRequest& request, v1::SubmitTasksResponse*) {
    submits.push_back(request);
    return grpc::Status::OK;
  };
  std::atomic<bool> sealed = false;
  daemon_.seal_group = [&sealed](const auto&, auto*) {
    sealed = true;
    return grpc::Status::OK;
  };
  std::string input;
  for (int i = 0; i < 2'500; ++i) input += kTrueTask;
  const std::string path = daemon_.folder() + "/tasks";
  FILE* file = fopen(path.c_str(), "w");
  fwrite(input.data(), 1, input.size(), file);
  fclose(file);
  Program covey(daemon_.address(), {"run", "--detach", "-f", path});
  EXPECT_EQ(covey.Wait(), 0) << covey.err();
  EXPECT_EQ(covey.out(), "g9\n");
  EXPECT_EQ(covey.err(), "");
  ASSERT_EQ(submits.size(), 2U);
  EXPECT_EQ(submits[0].tasks_size(), 1'000);
  EXPECT_EQ(submits[1].tasks_size(), 500);
  EXPECT_NE(submits[0].request_id(), submits[1].request_id());
  EXPECT_TRUE(submits[1].seal() || sealed);
}

TEST_F(CliDetachTest, DetachSendsAgainWhatWasLostAndWaitsForAFullQueue) {
  std::map<std::string, int> calls;
  daemon_.create_group = [&calls](const v1::CreateGroupRequest& request, v1::CreateGroupResponse* answer) {
    EXPECT_TRUE(request.seal());
    switch (++calls[request.request_id()]) {
      case 1:
        return grpc::Status(grpc::StatusCode::UNAVAILABLE, "Socket closed");
      case 2:
        return client::DetailedStatus(grpc::StatusCode::RESOURCE_EXHAUSTED, "full", "QUEUE_FULL");
      default:
        answer->mutable_group()->set_id("g9");
        return grpc::Status::OK;
    }
  };
  Program covey(daemon_.address(), {"run", "--detach", "--", "true"});
  EXPECT_EQ(covey.Wait(), 0) << covey.err();
  EXPECT_EQ(covey.out(), "g9\n");
  ASSERT_EQ(calls.size(), 1U) << "always the same request id";
  EXPECT_EQ(calls.begin()->second, 3);
}

TEST_F(CliDetachTest, HalfASubmissionIsTakenBack) {
  daemon_.create_group = [](const auto&, v1::CreateGroupResponse* answer) {
    answer->mutable_group()->set_id("g9");
    return grpc::Status::OK;
  };
  daemon_.cancel_group = [this](const v1::CancelGroupRequest& request, v1::CancelGroupResponse*) {
    EXPECT_EQ(request.group_id(), "g9");
    cancelled_ = true;
    return grpc::Status::OK;
  };
  std::string input;
  for (int i = 0; i < 1'000; ++i) input += kTrueTask;
  Program covey(daemon_.address(), {"run", "--detach", "-f", "-"}, {.input = input + "bad\n"});
  EXPECT_EQ(covey.Wait(), 64);
  EXPECT_EQ(covey.out(), "");
  EXPECT_TRUE(cancelled_);
  EXPECT_NE(covey.err().find("standard input:1001: "), std::string::npos) << covey.err();
}

}  // namespace
}  // namespace covey::cli
