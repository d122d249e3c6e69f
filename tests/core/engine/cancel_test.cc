// Cancels and timeouts (promises 4 and 14).

#include <gtest/gtest.h>

#include "tests/support/engine_world.h"

namespace covey::testing {
namespace {

using std::chrono::seconds;
using Lines = std::vector<std::string>;
using state::Outcome;

class CancelTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_FALSE(world_.Open()); }
  Lines Tail(size_t count) {
    Lines story = world_.Story();
    return {story.end() - static_cast<std::ptrdiff_t>(std::min(count, story.size())), story.end()};
  }
  World world_{1};
  ScriptedExecutor& executor_ = *world_.executor;
};

TEST_F(CancelTest, RequestedDeliveredKilledGone) {
  const auto group = world_.Make(1);
  EXPECT_FALSE(Get(world_.Cancel(group)));
  executor_.Deliver("0.1", 15);
  executor_.Deliver("0.1", 15);  // told twice, written once
  executor_.Kill("0.1");
  EXPECT_FALSE(group->completed());
  executor_.Exit("0.1", Failure{.kind = FailureKind::kSignal, .code = 9});
  EXPECT_EQ(Tail(7),
            (Lines{"decided CANCELLED cancelled", "requested all cancelled", "delivered 0.1 signal 15",
                   "killed 0.1", "exited 0.1 stopped signal 9", "gone 0.1", "completed"}));
  EXPECT_EQ(world_.CheckLog(group), "");
}

TEST_F(CancelTest, AKillOfWhatARootLeftBehindIsNoCancel) {
  const auto group = world_.Make(1);
  executor_.Kill("0.1");
  executor_.Exit("0.1");
  EXPECT_EQ(Tail(3), (Lines{"exited 0.1 succeeded", "decided SUCCEEDED", "completed"}));
}

// Promise 2: a failure of that kind, whatever its exit says.
TEST_F(CancelTest, ATaskThatWasToldToStopHasNotSucceeded) {
  const auto group = world_.Make(1);
  EXPECT_FALSE(Get(world_.CancelTask(group, "0")));
  executor_.Deliver("0.1", 15);
  executor_.Exit("0.1");
  EXPECT_EQ(Tail(6), (Lines{"requested 0 cancelled", "delivered 0.1 signal 15", "exited 0.1 failed cancelled",
                            "gone 0.1", "decided FAILED cancelled", "completed"}));
  EXPECT_EQ(group->ViewTask(0).failure->kind, FailureKind::kCancelled);
  EXPECT_EQ(group->ViewTask(0).failure->message, "not this one (it then ended without a failure)");
  EXPECT_EQ(world_.CheckLog(group), "");
}

TEST_F(CancelTest, ATaskThatTimedOutHasNotSucceeded) {
  TaskSpec task = World::Task("t");
  task.timeout = seconds(2);
  const auto group = world_.Create({.spec = {.id = "g"}, .tasks = {task}, .seal = true}).value();
  world_.Advance(seconds(2));
  executor_.Exit("t.1");
  EXPECT_EQ(group->View().state.failure, FailureKind::kTimeout);
  EXPECT_EQ(group->ViewTask(0).failure->kind, FailureKind::kTimeout);
  EXPECT_EQ(group->ViewTask(0).failure->message, "timed out after 2 s (it then ended without a failure)");
}

// Its time is over while it takes the cancel: the first cause stays, in every place that tells it.
TEST_F(CancelTest, ATimeoutDuringTheGraceOfACancelChangesNothing) {
  TaskSpec task = World::Task("t");
  task.timeout = seconds(2);
  const auto group = world_.Create({.spec = {.id = "g"}, .tasks = {task}, .seal = true}).value();
  EXPECT_FALSE(Get(world_.CancelTask(group, "t")));
  executor_.Deliver("t.1", 15);
  world_.Advance(seconds(2));
  executor_.Exit("t.1", Failure{.kind = FailureKind::kSignal, .code = 9, .message = "ended by SIGKILL"});
  EXPECT_EQ(group->View().state.failure, FailureKind::kCancelled);
  EXPECT_EQ(group->View().failure->kind, FailureKind::kCancelled);
  EXPECT_EQ(group->ViewTask(0).failure->kind, FailureKind::kCancelled);
  EXPECT_EQ(group->ViewTask(0).failure->message, "not this one (ended by SIGKILL)");
}

// Such a group has no pool: nothing of it will run.
TEST_F(CancelTest, ATaskOfAGroupThatWasOverBeforeARestartHasEnded) {
  (void)world_.Make(1);
  executor_.Exit("0.1");
  ASSERT_FALSE(world_.Open());
  const auto group = world_.Find("g").value();
  ASSERT_TRUE(group->completed());
  EXPECT_FALSE(Get(world_.CancelTask(group, "0")));
  EXPECT_EQ(group->View().state.outcome, Outcome::kSucceeded);
}

TEST_F(CancelTest, ATaskThatWasToldToStopNeverWins) {
  const auto group = world_.Make(2, true, {.id = "g", .policy = state::Policy::kAny});
  EXPECT_FALSE(Get(world_.CancelTask(group, "0")));
  executor_.Exit("0.1");
  EXPECT_FALSE(group->View().state.decided);
  executor_.Exit("1.1");
  EXPECT_EQ(group->View().state.outcome, Outcome::kSucceeded);
  EXPECT_EQ(group->View().state.decider, 1u);
}

// Its group was decided before it ended: it counts as nothing, and never as a success.
TEST_F(CancelTest, ToldToStopAloneAndThenWithItsGroup) {
  const auto group = world_.Make(1);
  EXPECT_FALSE(Get(world_.CancelTask(group, "0")));
  EXPECT_FALSE(Get(world_.Cancel(group)));
  executor_.Exit("0.1");
  EXPECT_EQ(group->View().state.stopped, 1u);
  EXPECT_EQ(group->View().state.succeeded, 0u);
}

TEST_F(CancelTest, AQueuedTaskIsCancelledWithoutBeingStarted) {
  const auto group = world_.Make(3, true, {.id = "g", .max_failures = 1});
  EXPECT_FALSE(Get(world_.CancelTask(group, "1")));
  EXPECT_EQ(Tail(2), (Lines{"requested 1 cancelled", "exited 1.0 failed cancelled"}));
  EXPECT_EQ(group->ViewTask(1).failure->message, "not this one");
  executor_.Exit("0.1");
  EXPECT_EQ(executor_.running(), Lines{"2.1"});  // its slot went on to the next
  executor_.Exit("2.1");
  EXPECT_TRUE(group->completed());
  EXPECT_EQ(executor_.launches(), 2u);
  EXPECT_EQ(world_.engine().counts().running_tasks, 0u);
}

TEST_F(CancelTest, ACancelledTaskWaitsInNoQueue) {
  const auto group = world_.Make(3, true, {.id = "g", .policy = state::Policy::kAllSettled});
  ASSERT_EQ(world_.engine().pools().Get("default").value().waiting, 2u);
  EXPECT_FALSE(Get(world_.CancelTask(group, "1")));
  EXPECT_EQ(world_.engine().pools().Get("default").value().waiting, 1u);
  executor_.Exit("0.1");
  EXPECT_EQ(executor_.running(), Lines{"2.1"});
}

// The same when it was written before anything was done about it, since the journal had failed.
TEST_F(CancelTest, NorDoesOneThatIsCancelledWhileTheJournalIsInDoubt) {
  const auto group = world_.Make(3, true, {.id = "g", .policy = state::Policy::kAllSettled});
  world_.journal->Inject(MemoryJournal::Fault::kFail, 1);
  ASSERT_FALSE(world_.Create({.spec = {.id = "other"}}).ok());
  EXPECT_FALSE(Get(world_.CancelTask(group, "1")));
  EXPECT_EQ(group->ViewTask(1).state.phase, state::TaskState::Phase::kEnded);
  EXPECT_EQ(world_.engine().pools().Get("default").value().waiting, 1u);
}

TEST_F(CancelTest, ACancelledGroupWaitsInNoQueue) {
  const auto group = world_.Make(3);
  EXPECT_EQ(world_.engine().counts().queued_tasks, 2u);
  EXPECT_FALSE(Get(world_.Cancel(group)));
  EXPECT_FALSE(group->completed());
  EXPECT_EQ(world_.engine().counts().queued_tasks, 0u) << "it still stops, and others may queue";
}

TEST_F(CancelTest, ATaskCancelledByItselfFailsWithThatCause) {
  const auto group = world_.Make(1);
  EXPECT_FALSE(Get(world_.CancelTask(group, "0")));
  executor_.Deliver("0.1", 15);
  executor_.Exit("0.1", Failure{.kind = FailureKind::kSignal, .code = 15, .message = "ended by SIGTERM"});
  EXPECT_EQ(group->View().state.outcome, Outcome::kFailed);
  EXPECT_EQ(group->View().state.failure, FailureKind::kCancelled);
  EXPECT_EQ(group->View().failure->kind, FailureKind::kCancelled);
  EXPECT_EQ(group->View().failure->message, "not this one (ended by SIGTERM)");
}

TEST_F(CancelTest, AnUnknownTaskIsNotFound) {
  const auto group = world_.Make(1);
  EXPECT_EQ(Get(world_.CancelTask(group, "7"))->reason, "TASK_NOT_FOUND");
}

TEST_F(CancelTest, AStartInFlightIsNeverLaunched) {
  world_.journal->HoldCommits();
  Result<World::GroupPtr> made = Error{};
  world_.engine().CreateGroup({.spec = {.id = "g"}, .tasks = World::Tasks(1)},
                              [&](Result<World::GroupPtr> group) { made = std::move(group); });
  ASSERT_FALSE(made.ok());
  world_.journal->ReleaseCommits();
  const auto group = made.value();
  executor_.Exit("0.1");

  world_.journal->HoldCommits();
  const auto submitted = world_.Submit(group, World::Tasks(1));
  const auto cancelled = world_.Cancel(group);
  EXPECT_FALSE(Answered(cancelled));
  world_.journal->ReleaseCommits();
  EXPECT_TRUE(Answered(cancelled));
  EXPECT_TRUE(Answered(submitted));
  EXPECT_EQ(executor_.launches(), 1u);
  EXPECT_TRUE(group->completed());
  EXPECT_EQ(Tail(6), (Lines{"submitted 1", "started 1.1", "decided CANCELLED cancelled",
                            "requested all cancelled", "exited 1.1 stopped cancelled", "completed"}));
  EXPECT_EQ(world_.CheckLog(group), "");
  EXPECT_EQ(world_.engine().counts().running_tasks, 0u);
}

TEST_F(CancelTest, ATaskWhoseStartIsInFlightIsCancelledAlone) {
  const auto group = world_.Make(2, false, {.id = "g", .max_failures = 1});
  world_.journal->HoldCommits();
  executor_.Exit("0.1");  // its slot starts task 1
  auto cancelled = world_.CancelTask(group, "1");
  world_.journal->ReleaseCommits();
  EXPECT_FALSE(Get(std::move(cancelled)));
  EXPECT_EQ(executor_.launches(), 1u);
  EXPECT_EQ(Tail(3), (Lines{"started 1.1", "requested 1 cancelled", "exited 1.1 failed cancelled"}));
  EXPECT_EQ(world_.engine().counts().running_tasks, 0u);
}

TEST_F(CancelTest, ATasksTimeCountsFromTheStartOfItsAttempt) {
  auto tasks = World::Tasks(2);
  tasks[1].timeout = seconds(5);
  const auto group =
      world_.Create({.spec = {.id = "g", .max_failures = 2}, .tasks = std::move(tasks), .seal = true})
          .value();
  world_.Advance(seconds(60));  // it waits in the queue: no time of its own passes
  executor_.Exit("0.1");
  ASSERT_EQ(executor_.running(), Lines{"1.1"});
  EXPECT_EQ(executor_.launch("1.1").deadline, world_.timers->Now() + seconds(5));
  world_.Advance(seconds(4));
  EXPECT_FALSE(executor_.stopped("1.1"));
  world_.Advance(seconds(1));
  ASSERT_TRUE(executor_.stopped("1.1"));
  EXPECT_EQ(executor_.stopped("1.1")->message, "timed out after 5 s");
  executor_.Exit("1.1", Failure{.kind = FailureKind::kSignal, .code = 15, .message = "ended by SIGTERM"});
  EXPECT_EQ(Tail(4),
            (Lines{"requested 1 timeout", "exited 1.1 failed timeout 15", "decided SUCCEEDED", "completed"}));
  EXPECT_EQ(group->ViewTask(1).failure->message, "timed out after 5 s (ended by SIGTERM)");
}

TEST_F(CancelTest, AGroupsTimeCountsFromItsCreation) {
  auto tasks = World::Tasks(2);
  tasks[0].timeout = seconds(60);
  const auto group =
      world_.Create({.spec = {.id = "g", .timeout = seconds(10)}, .tasks = std::move(tasks)}).value();
  EXPECT_EQ(executor_.launch("0.1").deadline, world_.timers->Now() + seconds(10));  // the group's rest
  EXPECT_EQ(group->spec()->deadline, world_.wall + seconds(10));
  world_.Advance(seconds(10));
  ASSERT_TRUE(executor_.stopped("0.1"));
  executor_.Exit("0.1", ExitFailure(1));
  EXPECT_EQ(Tail(4), (Lines{"decided FAILED timeout dropping 1", "requested all timeout",
                            "exited 0.1 stopped exit 1", "completed"}));
  EXPECT_EQ(group->View().failure->message, "the group timed out after 10 s");
}

TEST_F(CancelTest, TimeEndsWithTheGroup) {
  const auto group = world_.Make(1, true, {.id = "g", .timeout = seconds(10)});
  executor_.Exit("0.1");
  EXPECT_EQ(world_.timers->pending(), 0u);
  EXPECT_EQ(group->View().state.outcome, Outcome::kSucceeded);
}

}  // namespace
}  // namespace covey::testing
