// A second engine over the journal of one that was killed (promises 10, 12, 13, 14).

#include <gtest/gtest.h>

#include "core/journal/commit_ids.h"
#include "tests/support/engine_world.h"

namespace covey::testing {
namespace {

using std::chrono::seconds;
using Lines = std::vector<std::string>;
using state::Outcome;

Lines Since(const Lines& story, size_t first) {
  return {story.begin() + static_cast<std::ptrdiff_t>(std::min(first, story.size())), story.end()};
}

TaskSpec Rerun() {
  TaskSpec task = World::Task();
  task.rerun_on_restart = true;
  return task;
}

class RecoveryTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_FALSE(world_.Open()); }
  void Restart(std::chrono::nanoseconds down = seconds(1)) {
    before_ = world_.Story().size();
    world_.wall += std::chrono::floor<std::chrono::microseconds>(down);
    ASSERT_FALSE(world_.Open());
  }
  World::GroupPtr Group() { return world_.Find("g").value(); }
  Lines News() { return Since(world_.Story(), before_); }

  World world_{2};
  size_t before_ = 0;
};

TEST_F(RecoveryTest, AStartedTaskIsLostAQueuedOneRuns) {
  world_.Make(3, true, {.id = "g", .max_failures = 2});
  Restart();
  EXPECT_EQ(News(), (Lines{"exited 0.1 failed lost", "exited 1.1 failed lost", "started 2.1"}));
  EXPECT_EQ(world_.executor->running(), Lines{"2.1"});
  EXPECT_EQ(Group()->ViewTask(0).failure->message, "the daemon died before it had ended");
  world_.executor->ExitAll();
  EXPECT_EQ(Group()->View().state.outcome, Outcome::kSucceeded);
  EXPECT_EQ(world_.CheckLog(Group()), "");
}

// A daemon whose start fails after the recovery, as often as somebody tries to start it.
TEST_F(RecoveryTest, BeforeRunNothingStartsAndNothingIsLost) {
  world_.pools.push_back({"batch", 1});
  world_.Create({.spec = {.id = "g", .max_failures = 4}, .tasks = {World::Task(), Rerun(), World::Task()}})
      .value();
  world_.parked = true;
  Restart();
  EXPECT_EQ(News(), (Lines{"exited 0.1 failed lost", "exited 1.1 requeued lost"}));
  for (int i = 0; i < 3; ++i) {
    Restart();
    EXPECT_EQ(News(), Lines{});
    EXPECT_EQ(world_.executor->launches(), 0u);
    EXPECT_EQ(world_.engine().counts().queued_tasks, 2u);
    EXPECT_EQ(world_.engine().counts().running_tasks, 0u);
  }
  EXPECT_TRUE(Get(world_.Submit(Group(), World::Tasks(1))).ok()) << "a call that came in queues";
  const auto other = world_.Create({.spec = {.id = "h", .pool = "batch"}, .tasks = World::Tasks(2)});
  EXPECT_EQ(world_.executor->launches(), 0u);
  world_.engine().Run();
  EXPECT_EQ(News(), (Lines{"submitted 3", "started 1.2", "started 2.1"}));
  EXPECT_EQ(world_.executor->running(), (Lines{"0.1", "1.2", "2.1"}));
  world_.executor->ExitAll();
  EXPECT_EQ(world_.CheckLog(Group()), "");
}

TEST_F(RecoveryTest, ALostTaskDecidesAsAnyFailure) {
  world_.Make(3);
  Restart();
  EXPECT_EQ(News(), (Lines{"exited 0.1 failed lost", "decided FAILED lost dropping 1",
                           "requested all cancelled", "exited 1.1 stopped lost", "completed"}));
  EXPECT_EQ(world_.executor->launches(), 0u);
}

TEST_F(RecoveryTest, ATaskThatMayRunsAgainAsTheNextAttempt) {
  world_.Create({.spec = {.id = "g"}, .tasks = {Rerun()}, .seal = true}).value();
  Restart();
  EXPECT_EQ(News(), (Lines{"exited 0.1 requeued lost", "started 0.2"}));
  Restart();
  EXPECT_EQ(world_.executor->running(), Lines{"0.3"});
  world_.executor->ExitAll();
  EXPECT_EQ(Group()->View().state.outcome, Outcome::kSucceeded);
  EXPECT_EQ(world_.CheckLog(Group()), "");
}

TEST_F(RecoveryTest, ACancelledTaskIsNotRunAgain) {
  const auto group =
      world_.Create({.spec = {.id = "g", .max_failures = 1}, .tasks = {Rerun()}, .seal = true}).value();
  EXPECT_FALSE(Get(world_.CancelTask(group, "0")));
  Restart();
  EXPECT_EQ(world_.executor->launches(), 0u);
  EXPECT_EQ(News(), (Lines{"exited 0.1 failed cancelled", "decided SUCCEEDED", "completed"}));
  EXPECT_EQ(Group()->ViewTask(0).failure->kind, FailureKind::kCancelled);
}

TEST_F(RecoveryTest, GroupsAreServedInTheOrderInWhichTheyWereMade) {
  for (const std::string id : {"g", "second", "third"}) {
    TaskSpec task = Rerun();
    task.name = "of_" + id;
    world_.Create({.spec = {.id = id}, .tasks = {task}}).value();
  }
  Restart();
  EXPECT_EQ(world_.executor->running(), (Lines{"of_g.2", "of_second.2"})) << "two slots: the third waits";
}

// The end of a group is durable, and what is listed of it is older.
TEST_F(RecoveryTest, AGroupThatIsListedAsRunningAndIsOverHoldsNoPool) {
  world_.Make(0, false);
  const uint64_t epoch =
      Get(Ask<Result<uint64_t>>([&](auto done) { world_.journal->Acquire({}, std::move(done)); })).value();
  std::vector<Record> end;
  for (const state::Event& event :
       {state::Event{.kind = state::EventKind::kGroupSealed},
        state::Event{.kind = state::EventKind::kGroupDecided, .outcome = Outcome::kSucceeded},
        state::Event{.kind = state::EventKind::kGroupCompleted}}) {
    end.push_back({.number = end.size() + 2, .time = world_.wall, .event = event});
  }
  const AppendResult appended = Get(Ask<AppendResult>([&](auto done) {
    world_.journal->AppendAsync({.group = "g",
                                 .epoch = epoch,
                                 .expected = 1,
                                 .commit_id = CommitIds().Next(),
                                 .batch = std::make_shared<const Batch>(std::move(end))},
                                std::move(done));
  }));
  ASSERT_EQ(appended.kind, AppendResult::Kind::kCommitted);
  Restart();
  EXPECT_EQ(world_.engine().counts().running_groups, 0u);
  EXPECT_EQ(world_.engine().pools().Get("default").value().groups, 0u);
}

TEST_F(RecoveryTest, AnAttachedGroupIsCancelledAndNothingOfItStarts) {
  world_.Create({.spec = {.id = "g", .attached = true}, .tasks = {Rerun(), Rerun(), Rerun()}}).value();
  Restart();
  EXPECT_EQ(world_.executor->launches(), 0u);
  EXPECT_EQ(Group()->View().state.outcome, Outcome::kCancelled);
  EXPECT_TRUE(Group()->View().failure->message.starts_with("owner_lost"));
  EXPECT_EQ(News(), (Lines{"decided CANCELLED cancelled dropping 1", "requested all cancelled",
                           "exited 0.1 stopped lost", "exited 1.1 stopped lost", "completed"}));
}

TEST_F(RecoveryTest, ADecidedGroupThatStillRanIsCompleted) {
  const auto group = world_.Make(2);
  world_.executor->Exit("0.1", ExitFailure(3));
  EXPECT_FALSE(group->completed());
  Restart();
  EXPECT_EQ(News(), (Lines{"exited 1.1 stopped lost", "completed"}));
  EXPECT_EQ(Group()->View().failure->code, 3);
}

TEST_F(RecoveryTest, ADeadlineGoesOn) {
  world_.Make(0, false, {.id = "g", .timeout = seconds(60)});
  Restart(seconds(20));
  world_.Advance(seconds(39));
  EXPECT_FALSE(Group()->View().state.decided);
  world_.Advance(seconds(1));
  EXPECT_EQ(Group()->View().state.failure, FailureKind::kTimeout);
}

TEST_F(RecoveryTest, AClockSetBackGivesNoMoreThanTheTimeout) {
  world_.Make(0, false, {.id = "g", .timeout = seconds(60)});
  Restart(-std::chrono::hours(1000));
  world_.Advance(seconds(60));
  EXPECT_EQ(Group()->View().state.failure, FailureKind::kTimeout);
}

TEST_F(RecoveryTest, ADeadlineThatHasPassedStartsNothing) {
  world_.Create({.spec = {.id = "g", .timeout = seconds(60)}, .tasks = {Rerun(), Rerun(), Rerun()}}).value();
  Restart(std::chrono::hours(1));
  EXPECT_EQ(world_.executor->launches(), 0u);
  EXPECT_EQ(News(), (Lines{"exited 0.1 requeued lost", "exited 1.1 requeued lost",
                           "decided FAILED timeout dropping 3", "requested all timeout", "completed"}));
}

TEST_F(RecoveryTest, RequestIdsAreRemembered) {
  Engine::Create create{.spec = {.id = "g"}, .tasks = {}, .request = {.id = "made", .fingerprint = 1}};
  const auto group = world_.Create(create).value();
  EXPECT_TRUE(Get(world_.Submit(group, World::Tasks(2), {.id = "added", .fingerprint = 2})).ok());
  Restart();
  EXPECT_EQ(world_.Create(create).value()->id(), "g");
  create.request.fingerprint = 9;
  EXPECT_EQ(world_.Create(create).error().reason, "REQUEST_ID_REUSED");
  const auto again = Get(world_.Submit(Group(), World::Tasks(2), {.id = "added", .fingerprint = 2}));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again.value().first_index, 0u);
  EXPECT_EQ(again.value().count, 2u);
  EXPECT_EQ(Get(world_.Submit(Group(), World::Tasks(2), {.id = "added", .fingerprint = 3})).error().reason,
            "REQUEST_ID_REUSED");
}

TEST_F(RecoveryTest, NamesAreRemembered) {
  world_.Create({.spec = {.id = "g"}, .tasks = {World::Task("a"), World::Task("b")}}).value();
  world_.executor->ExitAll();
  Restart();
  EXPECT_EQ(Group()->FindTask("b"), 1u);
  EXPECT_EQ(Get(world_.Submit(Group(), {World::Task("a")})).error().reason, "TASK_NAME_TAKEN");
}

TEST_F(RecoveryTest, WhatTheKilledOneStillSaysIsRefused) {
  const auto old = world_.Make(1, false);
  const auto executor = world_.executor;
  Restart();
  executor->Exit("0.1");
  EXPECT_EQ(Get(world_.Cancel(old))->code, ErrorCode::kUnavailable);
  EXPECT_EQ(News(), Lines({"exited 0.1 failed lost", "decided FAILED lost", "completed"}));
}

TEST_F(RecoveryTest, FinishedGroupsAreReadWhenAskedFor) {
  world_.Make(1);
  world_.executor->Exit("0.1", ExitFailure(4, "tail"));
  Restart();
  EXPECT_EQ(world_.engine().counts().running_groups, 0u);
  const GroupEnd end = Group()->End();
  EXPECT_EQ(end.group.failure->code, 4);
  EXPECT_EQ(end.failures.at(0)->detail, "tail");
  EXPECT_EQ(world_.CheckLog(Group()), "");
}

}  // namespace
}  // namespace covey::testing
