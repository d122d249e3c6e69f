// What waits for a slot is bounded in tasks and in bytes, exactly: what is in use of the budget is what waits.

#include <gtest/gtest.h>

#include <memory>

#include "core/engine/queued_bytes.h"
#include "tests/support/engine_world.h"

namespace covey::testing {
namespace {

using Fault = MemoryJournal::Fault;
using Amount = Budget::Amount;

constexpr uint64_t kSmall = 8;  // "scripted"

std::vector<TaskSpec> Large(size_t count, size_t bytes = 1000) {
  std::vector<TaskSpec> tasks = World::Tasks(count);
  for (TaskSpec& task : tasks) std::get<FunctionSpec>(task.work).payload.bytes.assign(bytes - kSmall, 'x');
  return tasks;
}

Amount InUse(World& world) { return world.engine().queue_usage().used; }

TEST(QueueTest, AFullQueueRefusesButKnowsWhatItHasTaken) {
  World world(1);
  world.max_queued = {.tasks = 3};
  ASSERT_FALSE(world.Open());
  const auto group = world.Make(0, false);
  EXPECT_TRUE(Get(world.Submit(group, World::Tasks(3), {.id = "r"})).ok());
  EXPECT_EQ(Get(world.Submit(group, World::Tasks(2))).error().code, ErrorCode::kResourceExhausted);
  EXPECT_TRUE(Get(world.Submit(group, World::Tasks(3), {.id = "r"})).ok());
  EXPECT_EQ(world.Create({.tasks = World::Tasks(2)}).error().reason, "QUEUE_FULL");
  EXPECT_EQ(world.Create({.tasks = World::Tasks(4)}).error().reason, "QUEUE_TOO_SMALL");
}

TEST(QueueTest, TheBoundCanBeChanged) {
  World world(1);
  world.max_queued = {.tasks = 3};
  ASSERT_FALSE(world.Open());
  const auto group = world.Make(0, false);
  EXPECT_TRUE(Get(world.Submit(group, World::Tasks(3))).ok());
  world.engine().SetMaxQueued({.tasks = 100});
  EXPECT_TRUE(Get(world.Submit(group, World::Tasks(90))).ok());
  world.engine().SetMaxQueued({.tasks = 1});  // what waits stays
  EXPECT_EQ(Get(world.Submit(group, World::Tasks(1))).error().reason, "QUEUE_FULL");
  EXPECT_EQ(group->task_count(), 93u);
}

// Waiting is of no use for what never fits; the answer names the setting, the value and the limit.
TEST(QueueTest, TheBoundInBytesRefuses) {
  World world(1);
  world.max_queued = {.tasks = 100, .bytes = 3000};
  ASSERT_FALSE(world.Open());
  const auto group = world.Make(0, false);
  ASSERT_TRUE(Get(world.Submit(group, Large(3))).ok());
  EXPECT_EQ(InUse(world), (Amount{2, 2000})) << "one has the slot";
  const Error full = Get(world.Submit(group, Large(2))).error();
  EXPECT_EQ(full.code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(full.reason, "QUEUE_FULL");
  EXPECT_EQ(full.message,
            "the queue is full: 2000 bytes were asked for, 1000 of 3000 are free: 1000 too many "
            "(max_queued_bytes)");
  const Error too_small = world.Create({.tasks = Large(1, 3001)}).error();
  EXPECT_EQ(too_small.reason, "QUEUE_TOO_SMALL");
  EXPECT_EQ(too_small.message,
            "the queue is too small: at most 3000 bytes of tasks may wait for a slot, got 3001 at once "
            "(max_queued_bytes)");
  EXPECT_EQ(InUse(world), (Amount{2, 2000})) << "a refusal takes nothing";
  EXPECT_TRUE(Get(world.Submit(group, Large(1))).ok()) << "up to the bound";
}

TEST(QueueTest, CountsEveryTextOfATask) {
  auto process = std::make_shared<ProcessSpec>();
  process->argv = {"ab", "c"};
  process->env = {{"de", "f"}};
  process->working_dir = "g";
  process->stdin_bytes = "hijk";
  process->user = "l";
  process->group = "m";
  process->stdout_file.path = "no";
  process->stderr_file.path = "p";
  EXPECT_EQ(SpecBytes({.name = "qr", .work = process, .labels = {{"s", "t"}}, .annotations = {{"u", "v"}}}),
            22u);
  EXPECT_EQ(SpecBytes({.work = FunctionSpec{.name = "ab", .payload = {"cde", "f"}}}), 6u);
  EXPECT_EQ(SpecBytes({.name = "a", .work = OpaqueSpec{.kind = 7, .message = "bcd"}}), 4u);
}

TEST(QueueTest, WhatStartsOrIsCancelledGivesItsPartBack) {
  World world(1);
  ASSERT_FALSE(world.Open());
  const auto group = world.Make(0, false);
  ASSERT_TRUE(Get(world.Submit(group, Large(5))).ok());
  EXPECT_EQ(InUse(world), (Amount{4, 4000}));
  world.executor->Exit("0.1");
  EXPECT_EQ(InUse(world), (Amount{3, 3000}));
  EXPECT_FALSE(Get(world.CancelTask(group, "4")));
  EXPECT_EQ(InUse(world), Amount{}) << "its failure decides the group, and nothing of it waits any more";
  EXPECT_EQ(world.engine().counts().queued_tasks, 0u);

  const auto other = world.Make(3, false, {.id = "other", .policy = state::Policy::kAllSettled});
  EXPECT_EQ(InUse(world), (Amount{3, 3 * kSmall})) << "a task of g still has the slot";
  EXPECT_FALSE(Get(world.CancelTask(other, "1")));
  EXPECT_EQ(InUse(world), (Amount{2, 2 * kSmall}));
  EXPECT_FALSE(Get(world.Cancel(other)));
  EXPECT_EQ(InUse(world), Amount{});
}

TEST(QueueTest, WhatComesBackFromAnAttemptIsNeverRefused) {
  World world(1);
  world.max_queued = {.tasks = 1, .bytes = 1000};
  ASSERT_FALSE(world.Open());
  const auto group = world.Make(0, false);
  std::vector<TaskSpec> first = Large(1);
  first.front().rerun_on_restart = true;
  ASSERT_TRUE(Get(world.Submit(group, std::move(first))).ok());
  ASSERT_TRUE(Get(world.Submit(group, Large(1))).ok());
  world.journal->HoldCommits();
  world.executor->Lose("0.1");  // the slot serves the other one, then this one waits again
  EXPECT_EQ(InUse(world), (Amount{1, 1000}));
  world.journal->ReleaseCommits();
  EXPECT_EQ(InUse(world), (Amount{1, 1000}));
  world.executor->Exit("1.1");
  EXPECT_EQ(InUse(world), Amount{});
}

TEST(QueueTest, WhatCouldNotBeWrittenTakesNothing) {
  World world(1);
  ASSERT_FALSE(world.Open());
  const auto group = world.Make(3, false);
  EXPECT_EQ(InUse(world), (Amount{2, 2 * kSmall}));
  world.journal->Inject(Fault::kFail, 2);
  EXPECT_FALSE(Get(world.Submit(group, Large(2))).ok());
  EXPECT_EQ(InUse(world), (Amount{2, 2 * kSmall}));
  EXPECT_FALSE(world.Create({.spec = {.id = "h"}, .tasks = Large(2)}).ok());
  EXPECT_EQ(InUse(world), (Amount{2, 2 * kSmall}));
  EXPECT_FALSE(world.Create({.spec = {.id = "g"}, .tasks = Large(2)}).ok()) << "it exists";
  EXPECT_FALSE(world.Create({.tasks = {World::Task("a"), World::Task("a")}}).ok()) << "two of one name";
  EXPECT_EQ(InUse(world), (Amount{2, 2 * kSmall}));

  // A start that is not written: the task waits as before.
  world.Advance(std::chrono::seconds(20));
  world.journal->Inject(Fault::kFail, 1);
  world.executor->Exit("0.1");
  EXPECT_EQ(InUse(world), (Amount{2, 2 * kSmall}));
  world.Advance(std::chrono::seconds(20));
  EXPECT_EQ(InUse(world), (Amount{1, kSmall}));
}

TEST(QueueTest, RecoveryIsNeverRefusedAndADeletedGroupHoldsNothing) {
  World world(1);
  ASSERT_FALSE(world.Open());
  world.Make(3, false);
  world.max_queued = {.tasks = 1, .bytes = 1};
  ASSERT_FALSE(world.Open());
  const auto group = world.Find("g").value();
  EXPECT_EQ(InUse(world), Amount{}) << "the lost task failed the group";

  World other(1);
  ASSERT_FALSE(other.Open());
  other.Make(3, false, {.id = "g", .policy = state::Policy::kAllSettled});
  other.max_queued = {.tasks = 1, .bytes = 1};
  other.parked = true;
  ASSERT_FALSE(other.Open());
  EXPECT_EQ(InUse(other), (Amount{2, 2 * kSmall}));
  EXPECT_EQ(Get(other.Submit(other.Find("g").value(), World::Tasks(1))).error().reason, "QUEUE_TOO_SMALL");
  other.engine().Run();
  EXPECT_EQ(InUse(other), (Amount{1, kSmall}));
  (void)Get(other.Cancel(other.Find("g").value()));
  other.executor->ExitAll();
  const auto deleted =
      Get(Ask<Result<Void>>([&](auto done) { other.engine().Delete("g", std::move(done)); }));
  EXPECT_TRUE(deleted.ok());
  EXPECT_EQ(InUse(other), Amount{});
}

}  // namespace
}  // namespace covey::testing
