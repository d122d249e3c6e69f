// What a task wrote, when only its files know: they may be on a disk that hangs, and no call waits for that but
// the one that asks.

#include <gtest/gtest.h>

#include <future>

#include "tests/core/base/gate.h"
#include "tests/server/services/services_testing.h"

namespace covey::testing {
namespace {

// An output store whose files can be read once the gate is open.
class SlowFiles final : public NoOutput {
 public:
  uint64_t Size(const OutputKey& key) override {
    asked.Open();
    readable.Wait();
    return key.stream == OutputStream::kStderr ? 7 : 1000 + key.task;
  }

  Gate asked;
  Gate readable;
};

template <class Response>
Response ResponseOf(const edge::RawClient::Answer& answer) {
  Response response;
  EXPECT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_TRUE(response.ParseFromString(answer.messages.at(0)));
  return response;
}

class TaskSizesTest : public ::testing::Test {
 protected:
  // Makes the call, and lets the files be read only when another call of the same queue has been answered.
  template <class Request>
  edge::RawClient::Answer CallWhileTheDiskHangs(const std::string& method, const Request& request) {
    auto asking = std::async(std::launch::async, [&] { return world_.Call(method, request); });
    files_->asked.Wait();
    v1::GetGroupRequest other;
    other.set_group_id("g");
    EXPECT_TRUE(world_.Call("/covey.v1.GroupService/GetGroup", other).status.ok());
    files_->readable.Open();
    return asking.get();
  }

  const std::shared_ptr<SlowFiles> files_ = std::make_shared<SlowFiles>();
  ServicesWorld world_{{.output = files_}};
};

TEST_F(TaskSizesTest, OneTask) {
  world_.world().Make(1, /*seal=*/false);
  v1::GetTaskRequest request;
  request.set_group_id("g");
  request.set_task("0");
  const auto answer = CallWhileTheDiskHangs("/covey.v1.TaskService/GetTask", request);
  const v1::Task task = ResponseOf<v1::GetTaskResponse>(answer).task();
  EXPECT_EQ(task.stdout_bytes(), 1000u);
  EXPECT_EQ(task.stderr_bytes(), 7u);
}

TEST_F(TaskSizesTest, APageOfTasks) {
  world_.world().Make(2, /*seal=*/false);
  v1::ListTasksRequest request;
  request.set_group_id("g");
  const auto answer = CallWhileTheDiskHangs("/covey.v1.TaskService/ListTasks", request);
  const auto response = ResponseOf<v1::ListTasksResponse>(answer);
  ASSERT_EQ(response.tasks_size(), 2);
  EXPECT_EQ(response.tasks(0).stdout_bytes(), 1000u);
  EXPECT_EQ(response.tasks(1).stdout_bytes(), 1001u);
  EXPECT_EQ(response.tasks(1).stderr_bytes(), 7u);
}

TEST_F(TaskSizesTest, ATaskThatIsCancelled) {
  world_.world().Make(1, /*seal=*/false);
  v1::CancelTaskRequest request;
  request.set_group_id("g");
  request.set_task("0");
  const auto answer = CallWhileTheDiskHangs("/covey.v1.TaskService/CancelTask", request);
  EXPECT_EQ(ResponseOf<v1::CancelTaskResponse>(answer).task().stdout_bytes(), 1000u);
}

}  // namespace
}  // namespace covey::testing
