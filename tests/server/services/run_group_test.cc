#include "server/services/run_group.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/server/services/services_testing.h"

namespace covey::testing {
namespace {

const std::string kRun = "/covey.v1.GroupService/RunGroup";

class BrokenOutput final : public NoOutput {
 public:
  uint64_t Size(const OutputKey&) override { throw std::runtime_error("no memory"); }
};

TEST(RunGroupTest, OneThatThrowsCancelsItsGroupAndWatchesItNoMore) {
  ServicesWorld world({.output = std::make_shared<BrokenOutput>()});
  v1::RunGroupRequest request;
  request.mutable_options()->set_group_id("g");
  request.mutable_options()->set_output(true);
  SetTask(request.add_tasks());
  const edge::RawClient::Answer answer = world.Call(kRun, request);
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::INTERNAL);
  ASSERT_TRUE(Eventually([&] { return world.world().executor->stopped("0.1").has_value(); }));
  EXPECT_EQ(world.world().executor->stopped("0.1")->message, "owner_lost: the call failed");
  const auto group = world.world().Find("g").value();
  EXPECT_FALSE(group->watched());
  EXPECT_EQ(world.errors().size(), 1u);
  world.world().executor->ExitAll();
  EXPECT_EQ(PhaseOf(group->View().state), GroupPhase::kCancelled);
}

TEST(RunGroupTest, OneThatIsRefusedMakesNoGroup) {
  ServicesWorld world;
  v1::RunGroupRequest request;
  request.mutable_options()->set_group_id("g");
  request.add_tasks()->mutable_function()->set_name("no-such-function");
  const edge::RawClient::Answer answer = world.Call(kRun, request);
  EXPECT_EQ(ReasonOf(answer.status), "FUNCTION_NOT_FOUND");
  EXPECT_FALSE(world.world().Find("g").ok());
}

TEST(RunGroupTest, EventsComeBeforeTheResult) {
  ServicesWorld world;
  world.world().executor->ExitAtOnce();
  v1::RunGroupRequest request;
  request.mutable_options()->set_events(true);
  SetTask(request.add_tasks());
  const edge::RawClient::Answer answer = world.Call(kRun, request);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  ASSERT_GE(answer.messages.size(), 3u);
  std::vector<v1::RunGroupResponse> messages(answer.messages.size());
  for (size_t i = 0; i < messages.size(); ++i) ASSERT_TRUE(messages[i].ParseFromString(answer.messages[i]));
  EXPECT_TRUE(messages.front().has_created());
  uint64_t through = 0;
  for (size_t i = 1; i + 1 < messages.size(); ++i) {
    ASSERT_FALSE(messages[i].events().empty());
    for (const v1::Event& event : messages[i].events()) EXPECT_EQ(event.number(), ++through);
    EXPECT_EQ(messages[i].through(), through);
  }
  EXPECT_EQ(through, messages.back().result().group().last_event());
  EXPECT_EQ(messages.back().result().group().state(), v1::GROUP_STATE_SUCCEEDED);
}

}  // namespace
}  // namespace covey::testing
