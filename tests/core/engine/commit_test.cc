// What is durable when (promise 12), and what becomes of appends that fail.

#include <gtest/gtest.h>

#include "tests/support/engine_world.h"

namespace covey::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Fault = MemoryJournal::Fault;
using Lines = std::vector<std::string>;
using state::Outcome;

class CommitTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_FALSE(world_.Open()); }
  size_t SlotsHeld() { return world_.engine().counts().running_tasks; }
  World world_{2};
  MemoryJournal& journal_ = *world_.journal;
  ScriptedExecutor& executor_ = *world_.executor;
};

TEST_F(CommitTest, NothingIsAnsweredOrStartedBeforeItsCommit) {
  const auto group = world_.Make(0, false);
  journal_.HoldCommits();
  auto submitted = world_.Submit(group, World::Tasks(3));
  EXPECT_FALSE(Answered(submitted));
  EXPECT_EQ(executor_.launches(), 0u);
  EXPECT_EQ(group->task_count(), 0u);  // reads see what is committed
  EXPECT_FALSE(group->FindTask("0"));
  journal_.ReleaseCommits();
  EXPECT_EQ(Get(std::move(submitted)).value().count, 3u);
  EXPECT_EQ(executor_.running(), (Lines{"0.1", "1.1"}));
  EXPECT_EQ(group->FindTask("2"), 2u);
}

TEST_F(CommitTest, SubmittedAndStartedAreOneAppendWhenASlotIsFree) {
  const auto group = world_.Make(0, false);
  journal_.HoldCommits();
  auto submitted = world_.Submit(group, World::Tasks(2));
  journal_.Inject(Fault::kFail, 1);  // meets the one append that there is
  journal_.ReleaseCommits();
  EXPECT_EQ(Get(std::move(submitted)).error().reason, "JOURNAL_UNWRITABLE");
  EXPECT_EQ(world_.Story(), Lines{});
}

TEST_F(CommitTest, AStartFromTheQueueWaitsForItsCommit) {
  world_.Make(3);
  journal_.HoldCommits();
  executor_.Exit("0.1");
  EXPECT_EQ(executor_.launches(), 2u);
  EXPECT_EQ(SlotsHeld(), 2u);
  journal_.ReleaseCommits();
  EXPECT_EQ(executor_.launches(), 3u);
}

TEST_F(CommitTest, AFailedSubmitChangesNothing) {
  const auto group = world_.Make(1, false);
  journal_.Inject(Fault::kFail, 1);
  const auto refused = Get(world_.Submit(group, {World::Task("a"), World::Task("b")}, {.id = "r"}));
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(group->task_count(), 1u);
  EXPECT_EQ(SlotsHeld(), 1u);  // what it took is given back
  EXPECT_EQ(world_.CheckLog(group), "");
  EXPECT_EQ(Get(world_.Submit(group, {World::Task("a")})).error().code, ErrorCode::kUnavailable);

  world_.Advance(milliseconds(100));
  const auto again = Get(world_.Submit(group, {World::Task("a"), World::Task("b")}, {.id = "r"}));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again.value().first_index, 1u);
  EXPECT_FALSE(Get(world_.Seal(group)));
  executor_.ExitAll();
  EXPECT_TRUE(group->completed());
  EXPECT_EQ(world_.CheckLog(group), "");
  EXPECT_EQ(SlotsHeld(), 0u);
}

TEST_F(CommitTest, AFailedCreateLeavesNothing) {
  journal_.Inject(Fault::kFail, 1);
  const auto refused = world_.Create({.spec = {.id = "g", .timeout = seconds(1)}, .tasks = World::Tasks(3)});
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(world_.Find("g").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(SlotsHeld(), 0u);
  EXPECT_EQ(world_.timers->pending(), 0u);
  EXPECT_EQ(world_.engine().pools().Get("default").value().groups, 0u);
  world_.Make(3);  // the id is free
  executor_.ExitAll();
  EXPECT_EQ(SlotsHeld(), 0u);
}

TEST_F(CommitTest, AnExitThatCouldNotBeWrittenIsWrittenLater) {
  const auto group = world_.Make(1);
  journal_.Inject(Fault::kFail, 3);
  executor_.Exit("0.1", ExitFailure(5));
  EXPECT_FALSE(group->completed());
  EXPECT_EQ(SlotsHeld(), 0u);  // it has ended all the same
  world_.Advance(milliseconds(100));
  world_.Advance(milliseconds(200));
  EXPECT_FALSE(group->completed());
  world_.Advance(milliseconds(400));
  EXPECT_TRUE(group->completed());
  EXPECT_EQ(group->View().failure->code, 5);
  EXPECT_EQ(world_.CheckLog(group), "");
}

TEST_F(CommitTest, TheDelayBeginsAnewAfterASuccess) {
  const auto group = world_.Make(2);
  journal_.Inject(Fault::kFail, 3);
  executor_.Exit("0.1");
  for (const int delay : {100, 200, 400}) world_.Advance(milliseconds(delay));
  EXPECT_EQ(group->View().state.succeeded, 1u);
  journal_.Inject(Fault::kFail, 1);
  executor_.Exit("1.1");
  world_.Advance(milliseconds(99));
  EXPECT_FALSE(group->completed());
  world_.Advance(milliseconds(1));
  EXPECT_TRUE(group->completed());
}

// Of its group, and of any other since: a cancel is durable before it stops anything.
TEST_F(CommitTest, ACancelThatIsRefusedHasChangedNothing) {
  const auto group = world_.Make(1, false);
  const auto other = world_.Make(0, false, {.id = "other"});
  ASSERT_TRUE(Get(world_.Submit(other, {World::Task("b")})).ok());
  journal_.Inject(Fault::kFail, 1);
  EXPECT_FALSE(Get(world_.Submit(group, World::Tasks(1))).ok());
  EXPECT_EQ(Get(world_.Cancel(group))->code, ErrorCode::kUnavailable);
  journal_.Inject(Fault::kFail, 1);
  EXPECT_EQ(Get(world_.Cancel(other))->code, ErrorCode::kUnavailable);
  for (int i = 0; i < 60; ++i) world_.Advance(seconds(1));
  EXPECT_EQ(executor_.running(), (Lines{"0.1", "b.1"}));
  EXPECT_FALSE(executor_.stopped("0.1"));
  EXPECT_FALSE(executor_.stopped("b.1"));
  EXPECT_FALSE(group->View().state.decided);
  EXPECT_FALSE(other->View().state.decided);
  EXPECT_FALSE(Get(world_.Cancel(group)));
  EXPECT_TRUE(group->View().state.decided);
  EXPECT_TRUE(executor_.stopped("0.1"));
  EXPECT_EQ(world_.CheckLog(group), "");
  EXPECT_EQ(world_.CheckLog(other), "");
}

// What nobody can be refused: its owner is gone.
TEST_F(CommitTest, ALostOwnerStopsAtOnceWhileNothingCanBeWritten) {
  const auto group = world_.Make(2, false);
  journal_.Inject(Fault::kFail, 1);
  EXPECT_FALSE(Get(world_.Submit(group, World::Tasks(1))).ok());
  group->Cancel({.kind = FailureKind::kCancelled, .message = "owner_lost"}, nullptr);
  EXPECT_TRUE(executor_.stopped("0.1"));
  EXPECT_TRUE(executor_.stopped("1.1"));
  executor_.Exit("0.1", ExitFailure(1));
  world_.Advance(milliseconds(100));
  executor_.Exit("1.1");
  EXPECT_EQ(group->View().state.outcome, Outcome::kCancelled);
  EXPECT_EQ(world_.CheckLog(group), "");
}

// The cancel is in flight when its append fails; the exits that it caused come while nothing can be decided.
// Decided in the wrong order, an exit would be the group's outcome.
TEST_F(CommitTest, WhatWasInFlightIsDecidedBeforeWhatCameSince) {
  const auto group = world_.Make(1, false);
  journal_.HoldCommits();
  auto first = world_.Submit(group, World::Tasks(1));
  auto cancelled = world_.Cancel(group);
  journal_.Inject(Fault::kFail, 1);
  ASSERT_TRUE(executor_.stopped("0.1"));  // before anything is written
  executor_.Exit("0.1", ExitFailure(1));
  journal_.ReleaseCommits();
  EXPECT_FALSE(Get(std::move(first)).ok());
  EXPECT_TRUE(Get(std::move(cancelled)));
  world_.Advance(milliseconds(100));
  EXPECT_EQ(group->View().state.outcome, Outcome::kCancelled);
  EXPECT_TRUE(group->completed());
  EXPECT_EQ(executor_.launches(), 1u);
  EXPECT_EQ(SlotsHeld(), 0u);
}

// An exit comes when the first of two appends has failed and the second is still to be answered.
TEST(CommitOrderTest, WhatComesBetweenTwoAnswersIsDecidedBehindBoth) {
  World world(2);
  std::function<void()> at_first_failure;
  world.warn = [&](const std::string&) {
    if (const auto call = std::exchange(at_first_failure, nullptr)) call();
  };
  ASSERT_FALSE(world.Open());
  const auto group = world.Make(2, false);
  world.journal->HoldCommits();
  auto submitted = world.Submit(group, World::Tasks(1));
  world.executor->Exit("0.1", ExitFailure(5));
  at_first_failure = [&] { world.executor->Exit("1.1", ExitFailure(6)); };
  world.journal->Inject(Fault::kFail, 1);
  world.journal->ReleaseCommits();
  EXPECT_FALSE(Get(std::move(submitted)).ok());
  ASSERT_EQ(world.executor->running(), Lines{});
  world.Advance(milliseconds(100));
  EXPECT_TRUE(group->completed());
  EXPECT_EQ(group->View().failure->code, 5);
  EXPECT_EQ(world.CheckLog(group), "");
}

// The cancel's append is lost twice; the exit that it caused comes in between.
TEST_F(CommitTest, AnExitWhileTheCancelsAnswerIsOutStaysBehindIt) {
  const auto group = world_.Make(1, false);
  journal_.Inject(Fault::kLoseRequest, 2);
  auto cancelled = world_.Cancel(group);
  world_.Advance(milliseconds(0));  // sent again at once, and lost again
  EXPECT_FALSE(Answered(cancelled));
  executor_.Exit("0.1", ExitFailure(1));
  world_.Advance(milliseconds(100));
  EXPECT_FALSE(Get(std::move(cancelled)));
  world_.Advance(milliseconds(0));
  EXPECT_EQ(group->View().state.outcome, Outcome::kCancelled);
  EXPECT_EQ(world_.Story(), (Lines{"submitted 0", "started 0.1", "decided CANCELLED cancelled",
                                   "requested all cancelled", "exited 0.1 stopped exit 1", "completed"}));
}

TEST_F(CommitTest, AnAppendWhoseReplyWasLostIsSentAgainAndWrittenOnce) {
  const auto group = world_.Make(0, false);
  journal_.Inject(Fault::kLoseReply, 1);
  auto submitted = world_.Submit(group, World::Tasks(1));
  world_.Advance(milliseconds(0));
  EXPECT_TRUE(Get(std::move(submitted)).ok());
  EXPECT_EQ(world_.Story(), (Lines{"submitted 0", "started 0.1"}));
  EXPECT_EQ(executor_.running(), Lines{"0.1"});
  world_.Advance(milliseconds(0));  // nothing was lost: no delay
  EXPECT_FALSE(Get(world_.Seal(group)));
  executor_.ExitAll();
  EXPECT_TRUE(group->completed());
  EXPECT_EQ(world_.CheckLog(group), "");
}

TEST_F(CommitTest, AnAppendThatWasLostIsSentAgain) {
  const auto group = world_.Make(0, false);
  journal_.Inject(Fault::kLoseRequest, 3);
  auto submitted = world_.Submit(group, World::Tasks(1));
  world_.Advance(milliseconds(0));
  world_.Advance(milliseconds(100));
  EXPECT_FALSE(Answered(submitted));
  EXPECT_EQ(executor_.launches(), 0u);
  world_.Advance(milliseconds(200));
  EXPECT_TRUE(Get(std::move(submitted)).ok());
  EXPECT_EQ(executor_.running(), Lines{"0.1"});
}

// The first sending was written, the second is refused: that says nothing about the first.
TEST_F(CommitTest, AnAppendInDoubtStaysSoWhenItCannotBeSentAgain) {
  const auto group = world_.Make(0, false);
  journal_.Inject(Fault::kLoseReply, 1);
  journal_.Inject(Fault::kFail, 1);
  auto submitted = world_.Submit(group, World::Tasks(1));
  world_.Advance(milliseconds(0));
  EXPECT_FALSE(Answered(submitted));
  world_.Advance(milliseconds(100));
  EXPECT_TRUE(Get(std::move(submitted)).ok());
  EXPECT_EQ(world_.Story(), (Lines{"submitted 0", "started 0.1"}));
}

TEST_F(CommitTest, ALostReplyDoesNotReorderWhatFollows) {
  const auto group = world_.Make(0, false);
  journal_.HoldCommits();
  auto first = world_.Submit(group, World::Tasks(1));
  auto second = world_.Submit(group, World::Tasks(1));
  journal_.Inject(Fault::kLoseReply, 1);
  journal_.ReleaseCommits();
  world_.Advance(milliseconds(0));
  EXPECT_TRUE(Get(std::move(first)).ok());
  EXPECT_TRUE(Get(std::move(second)).ok());
  EXPECT_EQ(executor_.running(), (Lines{"0.1", "1.1"}));
}

TEST_F(CommitTest, QueuedTasksRunAfterAFailure) {
  const auto group = world_.Make(5);
  journal_.Inject(Fault::kFail, 1);
  executor_.Exit("0.1");
  executor_.Exit("1.1");
  EXPECT_EQ(executor_.running(), Lines{});
  EXPECT_EQ(SlotsHeld(), 0u);
  world_.Advance(milliseconds(100));
  EXPECT_EQ(executor_.running(), (Lines{"2.1", "3.1"}));
  executor_.ExitAll();
  EXPECT_TRUE(group->completed());
  EXPECT_EQ(world_.CheckLog(group), "");
}

TEST_F(CommitTest, AStartThatCouldNotBeWrittenIsMadeAgainAsTheSameAttempt) {
  const auto group = world_.Make(3);
  journal_.HoldCommits();
  executor_.Exit("0.1");  // two appends: the exit, and the start of task 2
  journal_.Inject(Fault::kLoseReply, 1);
  journal_.Inject(Fault::kFail, 1);
  journal_.ReleaseCommits();
  EXPECT_EQ(executor_.running(), Lines{"1.1"});
  world_.Advance(milliseconds(100));
  EXPECT_EQ(executor_.running(), (Lines{"1.1", "2.1"}));
  executor_.ExitAll();
  EXPECT_TRUE(group->completed());
  EXPECT_EQ(world_.CheckLog(group), "");
}

TEST_F(CommitTest, ADecisionThatWasLostLeavesTheDeadline) {
  const auto group = world_.Make(0, false, {.id = "g", .timeout = seconds(10)});
  journal_.Inject(Fault::kFail, 1);
  EXPECT_TRUE(Get(world_.Seal(group)));  // would have decided it, but is no fact: it did not happen
  world_.Advance(milliseconds(100));
  EXPECT_FALSE(group->View().state.decided);
  world_.Advance(seconds(10));
  EXPECT_EQ(group->View().state.failure, FailureKind::kTimeout);
  EXPECT_TRUE(group->completed());
}

TEST_F(CommitTest, ATaskThatIsNotDurableCannotBeCancelled) {
  const auto group = world_.Make(1, false);
  journal_.HoldCommits();
  auto submitted = world_.Submit(group, {World::Task("late")});
  EXPECT_EQ(Get(world_.CancelTask(group, "late"))->code, ErrorCode::kNotFound);
  journal_.Inject(Fault::kFail, 1);
  journal_.ReleaseCommits();
  EXPECT_FALSE(Get(std::move(submitted)).ok());
  world_.Advance(milliseconds(100));
  EXPECT_FALSE(group->View().state.decided);
  EXPECT_FALSE(executor_.stopped("0.1"));
}

TEST_F(CommitTest, ATaskWhoseCancelIsRefusedGoesOn) {
  const auto group = world_.Make(1, false);
  const auto other = world_.Make(0, false, {.id = "other"});
  journal_.Inject(Fault::kFail, 1);
  EXPECT_TRUE(Get(world_.Seal(other)));
  for (const bool stopped_log : {false, true}) {
    if (!stopped_log) journal_.Inject(Fault::kFail, 1);
    EXPECT_EQ(Get(world_.CancelTask(group, "0"))->reason, "JOURNAL_UNWRITABLE");
    EXPECT_FALSE(executor_.stopped("0.1"));
  }
  world_.Advance(milliseconds(100));
  EXPECT_FALSE(Get(world_.CancelTask(group, "0")));
  EXPECT_TRUE(executor_.stopped("0.1"));
}

// The first that finds out has told it to stop, and says so.
TEST_F(CommitTest, ATaskCancelledWhileItsAppendFailsKeepsItsCause) {
  const auto group = world_.Make(1, false);
  journal_.Inject(Fault::kFail, 1);
  EXPECT_NE(Get(world_.CancelTask(group, "0"))->message.find("told to stop"), std::string::npos);
  ASSERT_TRUE(executor_.stopped("0.1"));
  executor_.Exit("0.1", Failure{.kind = FailureKind::kSignal, .code = 15, .message = "ended by SIGTERM"});
  world_.Advance(milliseconds(100));
  EXPECT_EQ(group->View().state.failure, FailureKind::kCancelled);
  EXPECT_EQ(group->View().failure->kind, FailureKind::kCancelled);
  EXPECT_EQ(group->View().failure->message, "not this one (ended by SIGTERM)");
}

// Nothing of it runs: no fact that could not be written is left to bring the end with it.
TEST_F(CommitTest, AnIdleGroupWhoseSealCouldNotBeWrittenEndsAfterAll) {
  const auto group = world_.Make(0, false);
  journal_.Inject(Fault::kFail, 1);
  group->Arm();
  EXPECT_FALSE(group->completed());
  world_.Advance(milliseconds(100));
  EXPECT_TRUE(group->completed());
  EXPECT_EQ(world_.Story(), (Lines{"sealed", "decided SUCCEEDED", "completed"}));
}

TEST_F(CommitTest, AnArmedGroupEndsAfterAFailure) {
  const auto group = world_.Make(1, false);
  group->Arm();
  journal_.Inject(Fault::kFail, 1);
  executor_.Exit("0.1");
  EXPECT_FALSE(group->completed());
  world_.Advance(milliseconds(100));
  EXPECT_TRUE(group->completed());
}

}  // namespace
}  // namespace covey::testing
