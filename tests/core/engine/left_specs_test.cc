// What the journal holds need not be in memory: specs of what waits are read back before their turn, specs and
// results of what has ended when somebody asks.

#include <gtest/gtest.h>

#include "tests/support/engine_world.h"
#include "tests/support/held_journal.h"

namespace covey::testing {
namespace {

using Lines = std::vector<std::string>;

constexpr size_t kLarge = 5000;

std::vector<TaskSpec> LargeTasks(size_t count) {
  std::vector<TaskSpec> tasks = World::Tasks(count);
  for (size_t i = 0; i < count; ++i) {
    std::get<FunctionSpec>(tasks[i].work).payload.bytes = std::to_string(i) + std::string(kLarge, 'x');
  }
  return tasks;
}

class LeftSpecsTest : public ::testing::Test {
 protected:
  // No room for specs at all; with one slot.
  void SetUp() override {
    world_.group_bytes = 1;
    held_ = std::make_shared<HeldJournal>(world_.journal);
    world_.between = held_;
    ASSERT_FALSE(world_.Open());
  }
  World::GroupPtr Make(std::vector<TaskSpec> tasks, GroupSpec spec = {.id = "g"}) {
    return world_.Create({.spec = std::move(spec), .tasks = std::move(tasks), .seal = true}).value();
  }
  std::string Payload(const std::string& attempt) {
    return std::get<FunctionSpec>(world_.executor->launch(attempt).spec->work).payload.bytes;
  }
  Lines Running() { return world_.executor->running(); }

  World world_{1};
  std::shared_ptr<HeldJournal> held_;
};

TEST_F(LeftSpecsTest, WhatWaitsIsReadBackForItsLaunch) {
  const auto group = Make(LargeTasks(5));
  EXPECT_NE(group->ViewTask(0).spec, nullptr) << "it runs";
  EXPECT_EQ(group->ViewTask(3).spec, nullptr);
  EXPECT_EQ(group->ViewTask(3).spec_event, 5u);
  for (int i = 0; i < 5; ++i) {
    const std::string attempt = std::to_string(i) + ".1";
    ASSERT_EQ(Running(), Lines{attempt});
    EXPECT_EQ(Payload(attempt), std::to_string(i) + std::string(kLarge, 'x'));
    world_.executor->Exit(attempt);
  }
  EXPECT_TRUE(group->completed());
  EXPECT_EQ(world_.CheckLog(group), "");
}

TEST_F(LeftSpecsTest, NamesStay) {
  std::vector<TaskSpec> tasks = LargeTasks(3);
  for (size_t i = 0; i < tasks.size(); ++i) tasks[i].name = "task " + std::to_string(i);
  const auto group = Make(std::move(tasks));
  EXPECT_EQ(group->FindTask("task 2"), 2u);
  EXPECT_EQ(group->FindTask("2"), std::nullopt);
  EXPECT_EQ(group->ViewTask(2).name, "task 2");
  world_.executor->Exit(Running().at(0));
  EXPECT_EQ(world_.executor->launch(Running().at(0)).task, "task 1");
}

// While the spec is read the attempt holds its slot, and can be told to stop.
TEST_F(LeftSpecsTest, ACancelOvertakesTheRead) {
  const auto group = Make(LargeTasks(3), {.id = "g", .policy = state::Policy::kAllSettled});
  held_->HoldReads();
  world_.executor->Exit("0.1");
  EXPECT_EQ(Running(), Lines{});
  EXPECT_FALSE(Get(world_.CancelTask(group, "1")));
  EXPECT_EQ(group->ViewTask(1).state.phase, state::TaskState::Phase::kRunning);
  held_->ReleaseReads();
  EXPECT_EQ(group->ViewTask(1).failure->kind, FailureKind::kCancelled);
  EXPECT_EQ(Running(), Lines{"2.1"}) << "the next one has its slot";
  world_.executor->ExitAll();
  EXPECT_TRUE(group->completed());
  EXPECT_EQ(world_.CheckLog(group), "");
}

TEST_F(LeftSpecsTest, ACancelOfTheGroupOvertakesTheRead) {
  const auto group = Make(LargeTasks(3));
  held_->HoldReads();
  world_.executor->Exit("0.1");
  EXPECT_FALSE(Get(world_.Cancel(group)));
  EXPECT_FALSE(group->completed());
  held_->ReleaseReads();
  EXPECT_TRUE(group->completed());
  EXPECT_EQ(world_.executor->launches(), 1u);
  EXPECT_EQ(world_.CheckLog(group), "");
}

TEST_F(LeftSpecsTest, AStopOvertakesTheRead) {
  const auto group = Make(LargeTasks(3), {.id = "g", .policy = state::Policy::kAllSettled});
  held_->HoldReads();
  world_.executor->Exit("0.1");
  world_.engine().BeginStop(/*suspend=*/true);
  group->Interrupt();
  EXPECT_FALSE(group->quiet());
  held_->ReleaseReads();
  EXPECT_TRUE(group->quiet());
  EXPECT_EQ(group->ViewTask(1).failure->kind, FailureKind::kLost);
  EXPECT_EQ(world_.executor->launches(), 1u);
  EXPECT_EQ(group->View().state.queued, 1u);
}

TEST_F(LeftSpecsTest, AStopWithoutAnEndOfTheReadIsACrash) {
  std::vector<TaskSpec> tasks = LargeTasks(3);
  tasks[1].rerun_on_restart = true;
  Make(std::move(tasks), {.id = "g", .policy = state::Policy::kAllSettled});
  held_->HoldReads();
  world_.executor->Exit("0.1");
  world_.between = nullptr;
  ASSERT_FALSE(world_.Open());
  const auto group = world_.Find("g").value();
  EXPECT_EQ(group->ViewTask(2).spec, nullptr) << "nor is it kept by the one that recovers";
  EXPECT_EQ(Running(), Lines{"1.2"});
  EXPECT_EQ(Payload("1.2"), "1" + std::string(kLarge, 'x'));
  world_.executor->Exit("1.2");
  EXPECT_EQ(Running(), Lines{"2.1"});
  world_.executor->ExitAll();
  EXPECT_TRUE(group->completed());
  held_->ReleaseReads();
  EXPECT_EQ(world_.executor->launches(), 2u);
}

TEST_F(LeftSpecsTest, WhatOutlivedTheDaemonIsTakenUpWithItsSpec) {
  Make(LargeTasks(2));
  world_.next_executor = std::make_shared<ScriptedExecutor>();
  world_.next_executor->Recovers();
  ASSERT_FALSE(world_.Open());
  EXPECT_EQ(Running(), Lines{"0.1"});
  EXPECT_EQ(Payload("0.1"), "0" + std::string(kLarge, 'x'));
}

TEST_F(LeftSpecsTest, AReadThatFailsIsTriedAgain) {
  const auto group = Make(LargeTasks(2));
  world_.journal->FailReads(2);
  world_.executor->Exit("0.1");
  EXPECT_EQ(Running(), Lines{});
  world_.Advance(std::chrono::milliseconds(100));
  EXPECT_EQ(Running(), Lines{});
  world_.Advance(std::chrono::milliseconds(100));
  EXPECT_EQ(Running(), Lines{"1.1"});
  world_.executor->ExitAll();
  EXPECT_TRUE(group->completed());
}

TEST_F(LeftSpecsTest, ACancelEndsWhatCannotBeRead) {
  const auto group = Make(LargeTasks(2));
  world_.journal->FailReads(1'000'000);
  world_.executor->Exit("0.1");
  EXPECT_FALSE(Get(world_.Cancel(group)));
  world_.Advance(std::chrono::milliseconds(100));
  EXPECT_TRUE(group->completed());
}

TEST_F(LeftSpecsTest, WithRoomTheyStay) {
  World world(1);
  ASSERT_FALSE(world.Open());
  const auto group = world.Create({.spec = {.id = "g"}, .tasks = LargeTasks(3), .seal = true}).value();
  EXPECT_NE(group->ViewTask(2).spec, nullptr);
  EXPECT_GE(world.engine().memory_usage().used.bytes, 3 * kLarge);
  world.executor->Exit("0.1");
  EXPECT_EQ(group->ViewTask(0).spec, nullptr) << "it is over";
  EXPECT_EQ(group->ViewTask(0).spec_event, 2u);
  EXPECT_FALSE(Get(world.Cancel(group)));
  world.executor->ExitAll();
  EXPECT_TRUE(group->completed());
}

TEST_F(LeftSpecsTest, LargeResultsAndDetailsAreLeftToTheirEvents) {
  World world(1);
  ASSERT_FALSE(world.Open());
  const auto group =
      world.Make(1 + GroupEnd::kMaxFailures + 1, true, {.id = "g", .policy = state::Policy::kAllSettled});
  world.executor->Exit(
      "0.1", {}, std::make_shared<const covey::Payload>(covey::Payload{.bytes = std::string(kLarge, 'r')}));
  EXPECT_EQ(group->ViewTask(0).result, nullptr);
  const uint64_t event = group->ViewTask(0).end_event;
  EXPECT_EQ(world.Records("g").value().at(event - 1).result->bytes.size(), kLarge);
  Failure failure{.kind = FailureKind::kExit, .code = 1, .message = "no", .detail = std::string(3000, 'd')};
  for (size_t i = 1; i <= GroupEnd::kMaxFailures + 1; ++i)
    world.executor->Exit(std::to_string(i) + ".1", failure);
  EXPECT_EQ(group->ViewTask(1).end_event, 0u) << "one of the first failures";
  EXPECT_EQ(group->ViewTask(1).failure->detail.size(), 3000u);
  const TaskView last = group->ViewTask(GroupEnd::kMaxFailures + 1);
  EXPECT_EQ(last.failure->message, "no");
  EXPECT_EQ(last.failure->detail, "");
  EXPECT_EQ(world.Records("g").value().at(last.end_event - 1).failure->detail.size(), 3000u);
  EXPECT_LT(group->bytes(), 100 * 3000 + size_t{2} * GroupFeed::kRecentBytes);
}

TEST_F(LeftSpecsTest, FinishedGroupsStayByBytes) {
  World world(4);
  world.executor->ExitAtOnce();
  world.resident_bytes = 100'000;
  ASSERT_FALSE(world.Open());
  std::weak_ptr<DurableGroup> first = world.Make(10, true, {.id = "first"});
  EXPECT_FALSE(first.expired());
  world.Make(1000, true, {.id = "large"});
  EXPECT_TRUE(first.expired());
  EXPECT_TRUE(world.Find("first").ok());
}

}  // namespace
}  // namespace covey::testing
