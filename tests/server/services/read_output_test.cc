// TaskService.ReadOutput.

#include <gtest/gtest.h>

#include "tests/server/services/services_testing.h"

namespace covey::testing {
namespace {

// Its group is decided and goes on stopping others.
TEST(ReadOutputTest, NobodyWaitsForATaskThatWillNotStart) {
  ServicesWorld services;
  World& world = services.world();
  const World::GroupPtr group = world.Make(5);  // there are four slots
  EXPECT_EQ(Get(world.Cancel(group)), std::nullopt);
  EXPECT_EQ(world.executor->running().size(), 4u);
  v1::ReadOutputRequest request;
  request.set_group_id("g");
  request.set_task("4");
  request.set_follow(true);
  const edge::RawClient::Answer answer = services.Call("/covey.v1.TaskService/ReadOutput", request);
  EXPECT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_TRUE(answer.messages.empty());
  EXPECT_EQ(world.executor->running().size(), 4u);
  world.executor->ExitAll();
}

}  // namespace
}  // namespace covey::testing
