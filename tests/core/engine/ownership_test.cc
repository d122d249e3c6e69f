// What becomes of a group that somebody else has written to, or has taken over.

#include <gtest/gtest.h>

#include "core/journal/commit_ids.h"
#include "tests/support/engine_world.h"

namespace covey::testing {
namespace {

using std::chrono::milliseconds;
using Fault = MemoryJournal::Fault;
using Lines = std::vector<std::string>;
using state::EventKind;
using state::Outcome;

class OwnershipTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_FALSE(world_.Open()); }

  // Writes an event of "g" beside its owner, under the owner's own epoch.
  AppendResult WriteBeside(state::Event event) {
    const uint64_t head = world_.Records("g").value().size();
    Record record{.number = head + 1, .time = world_.wall, .event = event};
    std::vector<Record> records;
    records.push_back(std::move(record));
    return Get(Ask<AppendResult>([&](auto done) {
      journal_.AppendAsync({.group = "g",
                            .epoch = 1,
                            .expected = head,
                            .commit_id = ids_.Next(),
                            .batch = std::make_shared<const Batch>(std::move(records))},
                           std::move(done));
    }));
  }

  World world_{2};
  MemoryJournal& journal_ = *world_.journal;
  ScriptedExecutor& executor_ = *world_.executor;
  CommitIds ids_;
};

TEST_F(OwnershipTest, AGroupThatWasTakenOverIsStoppedAndDropped) {
  const auto group = world_.Make(3, false);
  int waiters = 0;
  group->Wait([&] { ++waiters; });
  group->WaitTask(2, [&] { ++waiters; });
  journal_.Inject(Fault::kLoseOwnership, 1);
  const auto refused = Get(world_.Submit(group, World::Tasks(1)));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(refused.error().reason, "GROUP_MOVED");
  EXPECT_TRUE(group->fenced());
  EXPECT_FALSE(group->completed());
  EXPECT_EQ(waiters, 2);  // nobody waits here for what happens elsewhere
  group->Wait([&] { ++waiters; });
  group->WaitTask(2, [&] { ++waiters; });
  EXPECT_EQ(waiters, 4);
  ASSERT_TRUE(executor_.stopped("0.1"));
  ASSERT_TRUE(executor_.stopped("1.1"));
  EXPECT_EQ(executor_.stopped("0.1")->kind, FailureKind::kLost);
  EXPECT_EQ(world_.Find("g").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(Get(world_.Cancel(group))->reason, "GROUP_MOVED");
  executor_.ExitAll();
  world_.Advance(std::chrono::seconds(60));
  EXPECT_EQ(executor_.launches(), 2u);  // the queued one never starts
  EXPECT_EQ(world_.engine().counts().running_tasks, 0u);
  EXPECT_EQ(world_.engine().counts().queued_tasks, 0u);
  EXPECT_EQ(world_.timers->pending(), 0u);
  EXPECT_EQ(world_.Story(),
            (Lines{"submitted 0", "submitted 1", "submitted 2", "started 0.1", "started 1.1"}));
}

TEST_F(OwnershipTest, WhatWasWrittenBesideIsReadBeforeTheFactsAreDecidedAgain) {
  const auto group = world_.Make(1, false);
  ASSERT_EQ(WriteBeside({.kind = EventKind::kGroupSealed}).kind, AppendResult::Kind::kCommitted);
  executor_.Exit("0.1");
  EXPECT_FALSE(group->View().state.sealed);
  world_.Advance(milliseconds(100));  // read
  world_.Advance(milliseconds(100));  // nothing more to read
  world_.Advance(milliseconds(100));  // decided again
  EXPECT_TRUE(group->completed());
  EXPECT_EQ(group->View().state.outcome, Outcome::kSucceeded);
  EXPECT_EQ(world_.CheckLog(group), "");
  EXPECT_EQ(world_.Story(), (Lines{"submitted 0", "started 0.1", "sealed", "exited 0.1 succeeded",
                                   "decided SUCCEEDED", "completed"}));
}

// A start that was written beside is nobody's: the task must not be waited for for ever.
TEST_F(OwnershipTest, AnAttemptThatNobodyRunsIsLost) {
  const auto group = world_.Make(3, true, {.id = "g", .max_failures = 3});
  ASSERT_EQ(WriteBeside({.kind = EventKind::kTaskStarted, .task = 2, .attempt = 1}).kind,
            AppendResult::Kind::kCommitted);
  executor_.Exit("0.1");
  for (int i = 0; i < 5; ++i) world_.Advance(milliseconds(100));
  EXPECT_EQ(group->ViewTask(2).state.failure, FailureKind::kLost);
  executor_.ExitAll();
  EXPECT_TRUE(group->completed());
  EXPECT_EQ(world_.CheckLog(group), "");
  EXPECT_EQ(executor_.launches(), 2u);
}

}  // namespace
}  // namespace covey::testing
