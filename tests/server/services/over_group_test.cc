// A group that is over and too large for the memory is listed and waited for as any other.

#include <gtest/gtest.h>

#include <string>

#include "core/engine/over_groups.h"
#include "tests/server/services/services_testing.h"

namespace covey::testing {
namespace {

constexpr uint32_t kOverTasks = OverGroups::kTasks + 100;

class OverGroupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    world_.world().executor->ExitAtOnce();
    ASSERT_TRUE(world_.world().Make(kOverTasks)->completed());
  }
  v1::ListTasksResponse List(const v1::ListTasksRequest& request) {
    const edge::RawClient::Answer answer = world_.Call("/covey.v1.TaskService/ListTasks", request);
    v1::ListTasksResponse response;
    EXPECT_TRUE(answer.status.ok()) << answer.status.error_message();
    EXPECT_TRUE(response.ParseFromString(answer.messages.at(0)));
    return response;
  }
  bool IsResident() {
    return Get(Ask<Result<Engine::Found>>(
                   [&](auto done) { world_.world().engine().FindOrLook("g", OverGroups::kTasks, done); }))
               .value()
               .group != nullptr;
  }

  ServicesWorld world_{{.resident_groups = 0}};
};

TEST_F(OverGroupTest, ItsTasksAreListedAndStayInTheJournal) {
  v1::ListTasksRequest request;
  request.set_group_id("g");
  request.set_page_size(1000);
  request.set_view(v1::VIEW_FULL);
  uint32_t next = 0;
  do {
    const v1::ListTasksResponse page = List(request);
    for (const v1::Task& task : page.tasks()) {
      ASSERT_EQ(task.index(), next);
      ASSERT_EQ(task.name(), std::to_string(next++));
      ASSERT_EQ(task.state(), v1::TASK_STATE_SUCCEEDED);
      ASSERT_EQ(task.spec().function().name(), "scripted");
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(next, kOverTasks);
  EXPECT_FALSE(IsResident());
}

TEST_F(OverGroupTest, AFilterThatNoTaskPassesEndsAllTheSame) {
  v1::ListTasksRequest request;
  request.set_group_id("g");
  request.add_states(v1::TASK_STATE_FAILED);
  size_t pages = 0;
  do {
    const v1::ListTasksResponse page = List(request);
    EXPECT_EQ(page.tasks_size(), 0);
    request.set_page_token(page.next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(pages, 2u);  // as many as it has windows
}

TEST_F(OverGroupTest, AForeignTokenIsRefused) {
  v1::ListTasksRequest request;
  request.set_group_id("g");
  request.set_page_token("17.4");
  EXPECT_EQ(ReasonOf(world_.Call("/covey.v1.TaskService/ListTasks", request).status), "BAD_PAGE_TOKEN");
}

TEST_F(OverGroupTest, AWaitIsAnsweredAtOnce) {
  v1::WaitGroupRequest request;
  request.set_group_id("g");
  const edge::RawClient::Answer answer = world_.Call("/covey.v1.GroupService/WaitGroup", request);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  v1::WaitGroupResponse response;
  ASSERT_TRUE(response.ParseFromString(answer.messages.at(0)));
  EXPECT_EQ(response.result().group().state(), v1::GROUP_STATE_SUCCEEDED);
  EXPECT_FALSE(IsResident());
}

}  // namespace
}  // namespace covey::testing
