// Why a group or a task is where it is.

#include <gtest/gtest.h>

#include "tests/support/engine_world.h"

namespace covey::testing {
namespace {

using Lines = std::vector<std::string>;

std::vector<WaitReason> Reasons(const Explanation& explanation) {
  std::vector<WaitReason> reasons;
  for (const WaitView& wait : explanation.waits) reasons.push_back(wait.reason);
  return reasons;
}
using Waits = std::vector<WaitReason>;

// The number of the first event of this kind (about `task`).
uint64_t NumberOf(World& world, state::EventKind kind, uint32_t task = state::kNoTask) {
  const auto records = world.Records("g");
  for (const Record& record : records.value()) {
    if (record.event.kind == kind && record.event.task == task) return record.number;
  }
  return 0;
}

TEST(ExplainTest, AQueuedTaskNamesThePoolThatIsFull) {
  World world(1);
  ASSERT_FALSE(world.Open());
  const auto group = world.Make(3);
  const Explanation running = group->Explain(0);
  EXPECT_EQ(running.summary, "task 0 runs, as attempt 1");
  EXPECT_EQ(Reasons(running), Waits{});
  const Explanation queued = group->Explain(2);
  ASSERT_EQ(Reasons(queued), Waits{WaitReason::kPool});
  EXPECT_EQ(queued.waits[0].message,
            "all slots of pool default are held: 1 of 1, 1 task of its group is before it");
  EXPECT_EQ(queued.waits[0].pool, "default");
  EXPECT_EQ(queued.waits[0].ahead, 1u);
  const Explanation all = group->Explain(std::nullopt);
  EXPECT_EQ(all.summary, "group g has 1 running task and 2 in the queue");
  EXPECT_EQ(Reasons(all), (Waits{WaitReason::kTasks, WaitReason::kPool}));
  EXPECT_EQ(all.waits[0].tasks, Lines{"0"});
  world.executor->ExitAll();
  EXPECT_EQ(group->Explain(std::nullopt).summary, "group g is over: it succeeded");
  EXPECT_EQ(group->Explain(2).summary, "task 2 succeeded in attempt 1");
}

TEST(ExplainTest, OneWhoseOutputNobodyTakesSaysSo) {
  World world(8);
  ASSERT_FALSE(world.Open());
  const auto paced = world.Make(2, true, {.id = "g", .paced_output = true});
  EXPECT_EQ(Reasons(paced->Explain(0)), Waits{});
  world.output->waits_for_reader = true;
  const Explanation one = paced->Explain(1);
  ASSERT_EQ(Reasons(one), Waits{WaitReason::kReader});
  EXPECT_EQ(one.waits[0].message, "the client does not take the output of 1 task, which waits");
  EXPECT_EQ(one.waits[0].tasks, Lines{"1"});
  const Explanation all = paced->Explain(std::nullopt);
  ASSERT_EQ(Reasons(all), (Waits{WaitReason::kTasks, WaitReason::kReader}));
  EXPECT_EQ(all.waits[1].message, "the client does not take the output of 2 tasks, which wait");
  world.Cancel(paced);
  EXPECT_EQ(Reasons(paced->Explain(1)), Waits{WaitReason::kStop}) << "what is stopped waits for no reader";
  world.executor->ExitAll();
}

TEST(ExplainTest, AQueuedTaskNamesTheLimitOfItsGroup) {
  World world(8);
  ASSERT_FALSE(world.Open());
  const auto group = world.Make(3, true, {.id = "g", .limit = 1});
  const Explanation queued = group->Explain(1);
  ASSERT_EQ(Reasons(queued), Waits{WaitReason::kLimit});
  EXPECT_EQ(queued.waits[0].message,
            "the group runs 1 task at once, its limit is 1, 0 tasks of its group are before it");
  world.executor->ExitAll();
}

TEST(ExplainTest, AnOpenGroupWithNothingToDoWaitsForItsSeal) {
  World world;
  ASSERT_FALSE(world.Open());
  const auto group = world.Make(0, false);
  EXPECT_EQ(Reasons(group->Explain(std::nullopt)), Waits{WaitReason::kSeal});
}

TEST(ExplainTest, AGroupThatStopsNamesWhatStillRunsAndWhy) {
  World world;
  ASSERT_FALSE(world.Open());
  const auto group = world.Make(3);
  world.executor->Exit("1.1", ExitFailure(7));
  const Explanation stopping = group->Explain(std::nullopt);
  ASSERT_EQ(Reasons(stopping), Waits{WaitReason::kStop});
  EXPECT_EQ(stopping.waits[0].tasks, (Lines{"0", "2"}));
  ASSERT_EQ(stopping.causes.size(), 2u);
  EXPECT_EQ(stopping.causes[0].event, NumberOf(world, state::EventKind::kGroupDecided, 1));
  EXPECT_EQ(stopping.causes[1].event, NumberOf(world, state::EventKind::kTaskExited, 1));
  EXPECT_EQ(stopping.causes[1].failure->code, 7);
  EXPECT_EQ(stopping.causes[0].message, "the group failed");
  EXPECT_EQ(stopping.causes[1].message, "task 1 failed: " + stopping.causes[1].failure->message);
  EXPECT_EQ(group->Explain(1).summary, stopping.causes[1].message);
  EXPECT_EQ(Reasons(group->Explain(0)), Waits{WaitReason::kStop});
  EXPECT_EQ(group->Explain(0).causes.back().event, stopping.causes[1].event);

  world.executor->ExitAll();
  // A stopped task: itself, the decision, the task that failed.
  const Explanation stopped = group->Explain(0);
  EXPECT_EQ(Reasons(stopped), Waits{});
  EXPECT_FALSE(group->Explain(std::nullopt).causes.empty());
}

TEST(ExplainTest, ATaskThatNeverStartedSaysWhoDecidedItsGroup) {
  World world(1);
  ASSERT_FALSE(world.Open());
  const auto group = world.Make(2);
  EXPECT_FALSE(Get(world.Cancel(group, "enough")));
  world.executor->ExitAll();
  const Explanation never = group->Explain(1);
  EXPECT_EQ(never.summary, "task 1 was never started: its group was decided before");
  ASSERT_EQ(never.causes.size(), 1u);
  EXPECT_EQ(never.causes[0].message, "the group was cancelled: enough");
  EXPECT_EQ(never.causes[0].failure->kind, FailureKind::kCancelled);
}

TEST(ExplainTest, ATaskThatIsCancelledAloneStillRuns) {
  World world(1);
  ASSERT_FALSE(world.Open());
  const auto group = world.Make(1);
  EXPECT_FALSE(Get(world.CancelTask(group, "0")));
  const Explanation explanation = group->Explain(std::nullopt);
  ASSERT_EQ(Reasons(explanation), Waits{WaitReason::kTasks});
  EXPECT_EQ(explanation.waits[0].message, "tasks are running: 0");
  world.executor->ExitAll();
}

TEST(ExplainTest, AGroupThatCannotBeWrittenSaysSo) {
  World world(1);
  ASSERT_FALSE(world.Open());
  const auto group = world.Make(2);
  world.journal->Inject(MemoryJournal::Fault::kFail, 1);
  world.executor->Exit("0.1");
  const Explanation explanation = group->Explain(std::nullopt);
  EXPECT_EQ(Reasons(explanation), (Waits{WaitReason::kJournal, WaitReason::kTasks}));
  EXPECT_EQ(explanation.waits[1].message, "what ran has ended, which is not written yet");
  EXPECT_EQ(Reasons(group->Explain(1)), Waits{WaitReason::kJournal});
  world.Advance(std::chrono::seconds(1));
  EXPECT_EQ(Reasons(group->Explain(1)), Waits{});
  world.executor->ExitAll();
  EXPECT_TRUE(group->completed());
}

TEST(ExplainTest, ItSaysTheSameOfAGroupReadFromTheJournal) {
  World world(1);
  ASSERT_FALSE(world.Open());
  const auto group = world.Make(2);
  world.executor->Exit("0.1", ExitFailure(3));
  ASSERT_TRUE(group->completed());
  const Explanation before = group->Explain(std::nullopt);
  ASSERT_FALSE(world.Open());
  const Explanation after = world.Find("g").value()->Explain(std::nullopt);
  EXPECT_EQ(after.summary, before.summary);
  ASSERT_EQ(after.causes.size(), before.causes.size());
  for (size_t i = 0; i < after.causes.size(); ++i) {
    EXPECT_EQ(after.causes[i].event, before.causes[i].event);
    EXPECT_EQ(after.causes[i].message, before.causes[i].message);
  }
}

}  // namespace
}  // namespace covey::testing
