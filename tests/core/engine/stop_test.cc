// A daemon that stops in an orderly way (promise 15): it suspends, and never does worse than a crash.

#include <gtest/gtest.h>

#include "tests/support/engine_world.h"

namespace covey::testing {
namespace {

using Lines = std::vector<std::string>;
using state::Outcome;

class StopTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_FALSE(world_.Open()); }

  static TaskSpec Rerun() {
    TaskSpec task = World::Task();
    task.rerun_on_restart = true;
    return task;
  }
  World::GroupPtr Settled(std::vector<TaskSpec> tasks) {
    return world_
        .Create({.spec = {.id = "g", .policy = state::Policy::kAllSettled},
                 .tasks = std::move(tasks),
                 .seal = true})
        .value();
  }
  // What the group's log has got since the last call.
  Lines News() {
    const Lines story = world_.Story();
    Lines news(story.begin() + static_cast<ptrdiff_t>(std::min(told_, story.size())), story.end());
    told_ = story.size();
    return news;
  }
  void Restart() {
    News();
    ASSERT_FALSE(world_.Open());
  }
  void Interrupt(const World::GroupPtr& group) {
    world_.engine().BeginStop(/*suspend=*/true);
    group->Interrupt();
  }
  std::future<Result<DurableGroup::SubmitReply>> SubmitOfItsCall(const World::GroupPtr& group,
                                                                 std::vector<TaskSpec> tasks) {
    return Ask<Result<DurableGroup::SubmitReply>>(
        [&](auto done) { world_.engine().SubmitOfItsCall(group, std::move(tasks), std::move(done)); });
  }
  std::string Message(const World::GroupPtr& group, uint32_t task) {
    return group->ViewTask(task).failure->message;
  }

  World world_{2};
  size_t told_ = 0;
};

TEST_F(StopTest, WhatIsQueuedStaysQueuedAndRunsNextTime) {
  const auto group = Settled(World::Tasks(4));
  News();
  world_.engine().BeginStop(/*suspend=*/true);
  EXPECT_FALSE(group->quiet());
  world_.executor->ExitAll();  // their slots serve nobody
  EXPECT_EQ(News(), (Lines{"exited 0.1 succeeded", "exited 1.1 succeeded"}));
  EXPECT_TRUE(group->quiet());
  EXPECT_EQ(group->View().state.queued, 2u);
  EXPECT_EQ(group->Explain(2).waits.at(0).reason, WaitReason::kStop);
  Restart();
  EXPECT_EQ(News(), (Lines{"started 2.1", "started 3.1"}));
}

TEST_F(StopTest, WhatWasToldIsLostOrQueuedAgainHoweverItEnds) {
  const auto group = Settled({World::Task(), Rerun()});
  News();
  Interrupt(group);
  EXPECT_EQ(world_.executor->stopped("0.1")->message, "the daemon was stopped while it ran");
  world_.executor->Deliver("0.1", 15);
  world_.executor->Kill("1.1");
  world_.executor->Exit("0.1");  // well, but who knows what it has left undone
  world_.executor->Exit("1.1", ExitFailure(3));
  EXPECT_EQ(News(), (Lines{"exited 0.1 failed lost", "exited 1.1 requeued lost"}));
  EXPECT_EQ(Message(group, 0), "the daemon was stopped while it ran");
  EXPECT_TRUE(group->quiet());
  Restart();
  EXPECT_EQ(News(), Lines{"started 1.2"});
  world_.executor->ExitAll();
  EXPECT_EQ(world_.Find("g").value()->View().state.outcome, Outcome::kFailed);
  EXPECT_EQ(world_.CheckLog(world_.Find("g").value()), "");
}

TEST_F(StopTest, WhatEndsBeforeItIsToldHasEnded) {
  const auto group = Settled(World::Tasks(2));
  News();
  Interrupt(group);
  world_.executor->Exit("0.1");
  world_.executor->Exit("1.1", ExitFailure(3));
  EXPECT_EQ(News(),
            (Lines{"exited 0.1 succeeded", "exited 1.1 failed exit 3", "decided FAILED error", "completed"}));
}

// As after a crash: that it was about to begin is all that is known by then.
TEST_F(StopTest, WhatNeverBeganHadBeenStarted) {
  const auto group = Settled({Rerun()});
  News();
  Interrupt(group);
  world_.executor->Exit("0.1",
                        Failure{.kind = FailureKind::kCancelled, .message = "stopped before it was started"});
  EXPECT_EQ(News(), Lines{"exited 0.1 requeued lost"});
  Restart();
  EXPECT_EQ(News(), Lines{"started 0.2"});
}

TEST_F(StopTest, WhatWasCancelledBeforeKeepsItsKind) {
  const auto group = Settled({Rerun()});
  EXPECT_FALSE(Get(world_.CancelTask(group, "0")));
  News();
  Interrupt(group);
  world_.executor->Deliver("0.1", 15);
  world_.executor->Exit("0.1", ExitFailure(1));
  EXPECT_EQ(News(), (Lines{"delivered 0.1 signal 15", "exited 0.1 failed cancelled 1", "gone 0.1",
                           "decided FAILED error", "completed"}));
}

TEST_F(StopTest, UnderAllTheFirstLostOneFailsTheGroup) {
  const auto group = world_.Make(3);
  News();
  Interrupt(group);
  for (const char* name : {"0.1", "1.1"}) {
    world_.executor->Deliver(name, 15);
    world_.executor->Exit(name);
  }
  EXPECT_EQ(group->View().state.failure, FailureKind::kLost);
  EXPECT_EQ(group->View().state.stopped, 2u);  // the queued one, and the second that ran
  EXPECT_TRUE(group->quiet());
}

TEST_F(StopTest, AttachedGroupsGoOnUntilTheyAreTold) {
  const auto group = world_.Make(4, true, {.id = "g", .attached = true});
  News();
  world_.engine().BeginStop(/*suspend=*/true);
  world_.executor->Exit("0.1");
  world_.executor->Exit("1.1");
  EXPECT_EQ(News(), (Lines{"exited 0.1 succeeded", "started 2.1", "exited 1.1 succeeded", "started 3.1"}));
  EXPECT_FALSE(group->quiet());
  group->Interrupt();
  group->Interrupt();
  world_.executor->Deliver("2.1", 15);
  world_.executor->ExitAll();
  EXPECT_EQ(group->View().state.outcome, Outcome::kCancelled);
  EXPECT_EQ(group->View().failure->message, "the daemon is stopping");
  EXPECT_TRUE(group->quiet());
}

TEST_F(StopTest, AnIdleGroupStaysOpen) {
  const auto group = world_.Make(0, false);
  Interrupt(group);
  EXPECT_TRUE(group->quiet());
  Restart();
  EXPECT_TRUE(Get(world_.Submit(world_.Find("g").value(), World::Tasks(1))).ok());
  EXPECT_EQ(News(), (Lines{"submitted 0", "started 0.1"}));
}

TEST_F(StopTest, AttemptsThatOutliveTheDaemonAreLeftAlone) {
  world_.executor->Recovers();
  const auto group = Settled(World::Tasks(1));
  Interrupt(group);
  EXPECT_FALSE(world_.executor->stopped("0.1"));
  EXPECT_TRUE(group->quiet());
}

TEST_F(StopTest, WorkIsRefusedUntilTheNextStart) {
  const auto group = world_.Make(0, false);
  const auto attached = world_.Make(0, false, {.id = "attached", .attached = true});
  EXPECT_TRUE(Get(world_.Submit(group, World::Tasks(1), {.id = "r"})).ok());
  world_.engine().BeginDrain();
  world_.engine().BeginStop(/*suspend=*/true);
  EXPECT_EQ(world_.Create({}).error().reason, "SHUTTING_DOWN");
  EXPECT_EQ(Get(world_.Submit(group, World::Tasks(1))).error().reason, "SHUTTING_DOWN");
  EXPECT_TRUE(Get(world_.Submit(group, World::Tasks(1), {.id = "r"})).ok());  // it has been taken
  // An attached group is fed by its call alone, until it is told to end.
  EXPECT_EQ(Get(world_.Submit(attached, World::Tasks(1))).error().reason, "SHUTTING_DOWN");
  EXPECT_TRUE(Get(SubmitOfItsCall(attached, World::Tasks(1))).ok());
  EXPECT_EQ(attached->View().state.running, 1u);
  attached->Interrupt();
  EXPECT_EQ(Get(SubmitOfItsCall(attached, World::Tasks(1))).error().reason, "GROUP_DECIDED");
  EXPECT_EQ(world_.engine().EndDrain()->reason, "SHUTTING_DOWN");
}

TEST_F(StopTest, ADrainCanBeTakenBack) {
  world_.engine().BeginDrain();
  EXPECT_EQ(world_.Create({}).error().reason, "DRAINING");
  EXPECT_FALSE(world_.engine().EndDrain());
  EXPECT_FALSE(world_.engine().draining());
  EXPECT_TRUE(world_.Create({}).ok());
}

TEST_F(StopTest, WithoutSuspensionWhatWaitsMayRun) {
  const auto group = Settled(World::Tasks(3));
  News();
  world_.engine().BeginStop(/*suspend=*/false);
  world_.executor->Exit("0.1");
  EXPECT_EQ(News(), (Lines{"exited 0.1 succeeded", "started 2.1"}));
  EXPECT_EQ(Get(world_.Submit(group, World::Tasks(1))).error().reason, "SHUTTING_DOWN");
}

TEST_F(StopTest, WhatCannotBeWrittenHoldsNothingUp) {
  const auto group = Settled(World::Tasks(2));
  Interrupt(group);
  world_.journal->Inject(MemoryJournal::Fault::kFail, 1);  // of the first exit; the second is put off
  for (const char* name : {"0.1", "1.1"}) {
    world_.executor->Deliver(name, 15);
    world_.executor->Exit(name);
  }
  EXPECT_TRUE(group->quiet());
  News();
  Restart();
  EXPECT_EQ(News(),
            (Lines{"exited 0.1 failed lost", "exited 1.1 failed lost", "decided FAILED error", "completed"}));
}

}  // namespace
}  // namespace covey::testing
