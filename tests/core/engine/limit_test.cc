// Slots (promise 6) and the seal (promise 8).

#include <gtest/gtest.h>

#include "tests/support/engine_world.h"

namespace covey::testing {
namespace {

using Lines = std::vector<std::string>;

TEST(LimitTest, APoolRunsNoMoreThanItsMax) {
  World world(2);
  ASSERT_FALSE(world.Open());
  const auto group = world.Make(4);
  EXPECT_EQ(world.executor->running(), (Lines{"0.1", "1.1"}));
  EXPECT_EQ(world.engine().counts().queued_tasks, 2u);
  world.executor->Exit("0.1");
  EXPECT_EQ(world.executor->running(), (Lines{"1.1", "2.1"}));
  world.executor->ExitAll();
  EXPECT_TRUE(group->completed());
}

TEST(LimitTest, AGroupHasALimitOfItsOwn) {
  World world(8);
  ASSERT_FALSE(world.Open());
  const auto group = world.Make(4, true, {.id = "g", .limit = 1});
  EXPECT_EQ(world.executor->running(), Lines{"0.1"});
  world.Make(2, true, {.id = "other"});  // the rest of the pool is free
  EXPECT_EQ(world.executor->launches(), 3u);
  world.executor->Exit("0.1");
  EXPECT_EQ(world.executor->launches(), 4u);
  EXPECT_EQ(group->View().state.running, 1u);
  world.executor->ExitAll();
  EXPECT_TRUE(group->completed());
}

TEST(LimitTest, ASmallGroupIsServedBesideALargeOne) {
  World world(1);
  ASSERT_FALSE(world.Open());
  world.Make(1000, true, {.id = "large"});
  const auto small = world.Make(3, true, {.id = "small"});
  for (int i = 0; i < 7 && !small->completed(); ++i) {
    world.executor->Exit(world.executor->running().front());
  }
  EXPECT_TRUE(small->completed());
  world.executor->ExitAll();
}

TEST(SealTest, AnAddBeforeTheSealCountsOneAfterItIsRefused) {
  World world;
  ASSERT_FALSE(world.Open());
  const auto group = world.Make(0, false);
  world.journal->HoldCommits();  // neither is durable when the next comes
  auto before = world.Submit(group, World::Tasks(1));
  auto seal = world.Seal(group);
  auto after = world.Submit(group, World::Tasks(1));
  world.journal->ReleaseCommits();
  EXPECT_TRUE(Get(std::move(before)).ok());
  EXPECT_FALSE(Get(std::move(seal)));
  EXPECT_EQ(Get(std::move(after)).error().reason, "GROUP_SEALED");
  EXPECT_FALSE(Get(world.Seal(group)));  // again: it is true already
  world.executor->Exit("0.1");
  EXPECT_TRUE(group->completed());
}

TEST(SealTest, ASubmitMaySealAtOnce) {
  World world;
  ASSERT_FALSE(world.Open());
  const auto group = world.Make(0, false);
  EXPECT_TRUE(Get(world.Submit(group, World::Tasks(1), {}, true)).ok());
  EXPECT_EQ(Get(world.Submit(group, World::Tasks(1))).error().reason, "GROUP_SEALED");
  world.executor->ExitAll();
  EXPECT_TRUE(group->completed());
}

TEST(SealTest, ArmingLetsTheSealFallWithTheLastTask) {
  World world;
  ASSERT_FALSE(world.Open());
  const auto group = world.Make(1, false);
  group->Arm();
  EXPECT_TRUE(Get(world.Submit(group, World::Tasks(1))).ok());  // adds succeed until then
  world.executor->Exit("0.1");
  EXPECT_FALSE(group->completed());
  world.executor->Exit("1.1");
  EXPECT_TRUE(group->completed());
  EXPECT_EQ(world.Story(),
            (Lines{"submitted 0", "started 0.1", "submitted 1", "started 1.1", "exited 0.1 succeeded",
                   "exited 1.1 succeeded", "sealed", "decided SUCCEEDED", "completed"}));
}

// Promise 8: when the call that asked for it has gone, the group is unchanged.
TEST(SealTest, TheSealIsArmedAsLongAsSomebodyWantsIt) {
  World world;
  ASSERT_FALSE(world.Open());
  const auto group = world.Make(1, false);
  group->Arm();
  group->Arm();
  group->Disarm();
  EXPECT_TRUE(group->View().state.armed) << "the other one waits on";
  group->Disarm();
  EXPECT_FALSE(group->View().state.armed);
  world.executor->Exit("0.1");
  EXPECT_FALSE(group->View().state.sealed);
  EXPECT_TRUE(Get(world.Submit(group, World::Tasks(1))).ok());
  group->Arm();
  world.executor->Exit("1.1");
  EXPECT_TRUE(group->completed());
  group->Disarm();
}

// Nor does it fall after an append that failed meanwhile.
TEST(SealTest, ARetryDoesNotArmAgain) {
  World world;
  ASSERT_FALSE(world.Open());
  const auto group = world.Make(1, false);
  group->Arm();
  world.journal->Inject(MemoryJournal::Fault::kFail, 1);
  world.executor->Exit("0.1");
  group->Disarm();
  world.Advance(std::chrono::seconds(20));
  EXPECT_EQ(group->View().state.succeeded, 1u);
  EXPECT_FALSE(group->View().state.sealed);
}

TEST(SealTest, ArmingAnIdleGroupSealsItNow) {
  World world;
  ASSERT_FALSE(world.Open());
  const auto group = world.Make(1, false);
  world.executor->Exit("0.1");
  EXPECT_FALSE(group->completed());
  group->Arm();
  EXPECT_TRUE(group->completed());
}

TEST(SealTest, ArmedWhileASubmitIsInFlightWaitsForItsTasks) {
  World world;
  ASSERT_FALSE(world.Open());
  const auto group = world.Make(0, false);
  world.journal->HoldCommits();
  auto submitted = world.Submit(group, World::Tasks(1));
  group->Arm();
  world.journal->ReleaseCommits();
  EXPECT_TRUE(Get(std::move(submitted)).ok());
  EXPECT_FALSE(group->View().state.sealed);
  world.executor->Exit("0.1");
  EXPECT_TRUE(group->completed());
}

}  // namespace
}  // namespace covey::testing
