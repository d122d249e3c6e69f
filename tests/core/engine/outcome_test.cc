// How groups end (promises 2 and 3), in the log and in what WaitGroup answers.

#include <gtest/gtest.h>

#include "tests/support/engine_world.h"

namespace covey::testing {
namespace {

using Lines = std::vector<std::string>;
using state::Outcome;
using state::Policy;

class OutcomeTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_FALSE(world_.Open()); }
  World world_;
  ScriptedExecutor& executor_ = *world_.executor;
};

TEST_F(OutcomeTest, TheFirstFailureDecidesOnceAndStopsTheRest) {
  const auto group = world_.Make(6);  // four slots: two stay in the queue
  executor_.Exit("1.1", ExitFailure(7, "no such file\n"));
  ASSERT_TRUE(executor_.stopped("0.1").has_value());
  EXPECT_EQ(executor_.stopped("0.1")->message, "exited with code 7");
  executor_.Exit("0.1", ExitFailure(9));  // comes second: changes nothing
  EXPECT_FALSE(Get(world_.Cancel(group)));
  EXPECT_EQ(group->View().state.outcome, Outcome::kFailed);
  EXPECT_FALSE(group->completed());
  executor_.Exit("2.1");
  executor_.Exit("3.1");
  EXPECT_TRUE(group->completed());

  EXPECT_EQ(world_.Story(), (Lines{"submitted 0", "submitted 1", "submitted 2", "submitted 3", "submitted 4",
                                   "submitted 5", "started 0.1", "started 1.1", "started 2.1", "started 3.1",
                                   "sealed", "exited 1.1 failed exit 7", "decided FAILED exit dropping 2",
                                   "requested all cancelled", "exited 0.1 stopped exit 9",
                                   "exited 2.1 succeeded", "exited 3.1 succeeded", "completed"}));
  const GroupEnd end = group->End();
  ASSERT_NE(end.group.failure, nullptr);
  EXPECT_EQ(end.group.failure->kind, FailureKind::kExit);
  EXPECT_EQ(end.group.failure->code, 7);
  EXPECT_EQ(end.group.failure->task, "1");
  EXPECT_EQ(end.group.failure->attempt, 1u);
  EXPECT_EQ(end.group.failure->detail, "no such file\n");
  EXPECT_EQ(end.group.state.decider, 1u);
  EXPECT_EQ(end.group.state.decider_attempt, 1u);
  EXPECT_EQ(end.failures.size(), 1u);
  EXPECT_TRUE(group->ViewTask(4).stopped);
  EXPECT_EQ(executor_.launches(), 4u);
  EXPECT_EQ(world_.CheckLog(group), "");
  EXPECT_EQ(world_.engine().counts().running_tasks, 0u);
}

TEST_F(OutcomeTest, ACancelBeforeTheFailureIsTheOutcome) {
  const auto group = world_.Make(1);
  EXPECT_FALSE(Get(world_.Cancel(group, "changed my mind")));
  executor_.Exit("0.1", ExitFailure(1));
  const GroupEnd end = group->End();
  EXPECT_EQ(end.group.state.outcome, Outcome::kCancelled);
  EXPECT_EQ(end.group.failure->kind, FailureKind::kCancelled);
  EXPECT_EQ(end.group.failure->message, "changed my mind");
  EXPECT_EQ(world_.CheckLog(group), "");
}

TEST_F(OutcomeTest, ToleratedFailuresAreListed) {
  const auto group = world_.Make(3, true, {.id = "g", .max_failures = 1});
  executor_.Exit("0.1", ExitFailure(1));
  EXPECT_FALSE(executor_.stopped("1.1"));
  executor_.Exit("1.1");
  executor_.Exit("2.1");
  const GroupEnd end = group->End();
  EXPECT_EQ(end.group.state.outcome, Outcome::kSucceeded);
  ASSERT_EQ(end.failures.size(), 1u);
  EXPECT_EQ(end.failures[0]->task, "0");
  ASSERT_NE(end.group.first_failure, nullptr);
  EXPECT_EQ(end.group.first_failure->code, 1);
  EXPECT_EQ(end.group.failure, nullptr);
}

TEST_F(OutcomeTest, OneFailureTooManyDecides) {
  const auto group = world_.Make(4, true, {.id = "g", .max_failures = 1});
  executor_.Exit("0.1", ExitFailure(1));
  executor_.Exit("1.1", ExitFailure(2));
  EXPECT_TRUE(executor_.stopped("2.1"));
  executor_.ExitAll();
  EXPECT_EQ(group->View().failure->code, 2);
  EXPECT_EQ(group->View().first_failure->code, 1);
  EXPECT_EQ(group->End().failures.size(), 2u);
}

TEST_F(OutcomeTest, AllSettledRunsEverythingAndSumsUp) {
  const auto group = world_.Make(3, true, {.id = "g", .policy = Policy::kAllSettled});
  executor_.Exit("1.1", ExitFailure(3, "tail"));
  executor_.Exit("0.1");
  executor_.Exit("2.1", ExitFailure(4));
  const GroupEnd end = group->End();
  EXPECT_EQ(end.group.state.outcome, Outcome::kFailed);
  EXPECT_EQ(end.group.failure->message, "2 of 3 tasks failed; first task 1: exit 3: exited with code 3");
  EXPECT_EQ(end.group.failure->detail, "tail");
  EXPECT_EQ(end.failures.size(), 2u);
}

TEST_F(OutcomeTest, OfTwoFailuresInOneCommitTheFirstIsNamed) {
  const auto group = world_.Make(2, true, {.id = "g", .policy = Policy::kAllSettled});
  world_.journal->HoldCommits();
  executor_.Exit("1.1", ExitFailure(3));
  executor_.Exit("0.1", ExitFailure(4));
  world_.journal->ReleaseCommits();
  EXPECT_EQ(group->View().state.first_failed, 1u);
  EXPECT_EQ(group->View().failure->message, "2 of 2 tasks failed; first task 1: exit 3: exited with code 3");
}

TEST_F(OutcomeTest, AnyEndsWithTheFirstSuccess) {
  const auto group = world_.Make(3, false, {.id = "g", .policy = Policy::kAny});
  executor_.Exit("0.1", ExitFailure(1));
  executor_.Exit("1.1");
  ASSERT_TRUE(executor_.stopped("2.1"));
  EXPECT_EQ(executor_.stopped("2.1")->message, "another task of the group has succeeded");
  const auto late = Get(world_.Submit(group, World::Tasks(1)));
  EXPECT_EQ(late.error().reason, "GROUP_DECIDED");
  executor_.ExitAll();
  EXPECT_EQ(group->View().state.outcome, Outcome::kSucceeded);
  EXPECT_EQ(world_.Records("g").value().back().event.kind, state::EventKind::kGroupCompleted);
  EXPECT_EQ(world_.CheckLog(group), "");
}

TEST_F(OutcomeTest, AnyFailsWhenSealedAndNoneSucceeded) {
  const auto group = world_.Make(2, false, {.id = "g", .policy = Policy::kAny});
  executor_.Exit("0.1", ExitFailure(1));
  executor_.Exit("1.1", ExitFailure(2));
  EXPECT_FALSE(group->completed());
  EXPECT_FALSE(Get(world_.Seal(group)));
  EXPECT_EQ(group->View().failure->message, "no task succeeded; first task 0: exit 1: exited with code 1");
}

TEST_F(OutcomeTest, EmptySealedGroups) {
  EXPECT_EQ(world_.Make(0, true, {.id = "all"})->View().state.outcome, Outcome::kSucceeded);
  EXPECT_EQ(world_.Make(0, true, {.id = "settled", .policy = Policy::kAllSettled})->View().state.outcome,
            Outcome::kSucceeded);
  const auto any = world_.Make(0, true, {.id = "any", .policy = Policy::kAny});
  EXPECT_EQ(any->View().state.outcome, Outcome::kFailed);
  EXPECT_EQ(any->View().failure->message, "no tasks");
  EXPECT_EQ(world_.Story("any"), (Lines{"sealed", "decided FAILED error", "completed"}));
}

TEST_F(OutcomeTest, AResultIsKeptWithTheTask) {
  const auto group = world_.Make(1);
  executor_.Exit("0.1", {}, std::make_shared<const Payload>(Payload{.bytes = "42"}));
  ASSERT_NE(group->ViewTask(0).result, nullptr);
  EXPECT_EQ(group->ViewTask(0).result->bytes, "42");
}

TEST_F(OutcomeTest, WaitIsToldAfterTheLastTaskIsGone) {
  const auto group = world_.Make(2);
  int told = 0;
  EXPECT_NE(group->Wait([&] { ++told; }), 0u);
  const uint64_t dropped = group->Wait([&] { told += 100; });
  EXPECT_TRUE(group->Unwait(dropped));
  executor_.Exit("0.1", ExitFailure(1));
  EXPECT_EQ(told, 0);
  executor_.Exit("1.1");
  EXPECT_EQ(told, 1);
  EXPECT_EQ(group->Wait([&] { ++told; }), 0u);
  EXPECT_EQ(told, 2);
}

TEST_F(OutcomeTest, ALongDetailKeepsItsEnd) {
  const auto group = world_.Make(1);
  executor_.Exit("0.1", ExitFailure(1, std::string(5000, 'a') + "end"));
  EXPECT_EQ(group->View().failure->detail.size(), 4096u);
  EXPECT_TRUE(group->View().failure->detail.ends_with("aend"));
}

TEST_F(OutcomeTest, ALongMessageKeepsItsBeginning) {
  const auto group = world_.Make(2, true, {.id = "g", .policy = Policy::kAllSettled});
  executor_.Exit("0.1", Failure{.message = "begin" + std::string(1 << 20, 'm')});
  executor_.Exit("1.1", Failure{.message = std::string(1 << 20, 'm')});
  const GroupEnd end = group->End();
  ASSERT_EQ(end.failures.size(), 2u);
  for (const auto& failure : {end.failures[0], end.failures[1], end.group.failure, end.group.first_failure}) {
    EXPECT_EQ(failure->message.size(), 1024u);
    EXPECT_TRUE(failure->message.ends_with("m\u2026"));
  }
  EXPECT_TRUE(end.failures[0]->message.starts_with("begin"));
  EXPECT_TRUE(end.group.failure->message.starts_with("2 of 2 tasks failed; first task 0: error: begin"));
}

}  // namespace
}  // namespace covey::testing
