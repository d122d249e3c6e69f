// Kinds of work that no executor of the daemon has yet: without a slot, outliving the daemon, lost.

#include <gtest/gtest.h>

#include "core/engine/ticket.h"
#include "tests/support/engine_world.h"

namespace covey::testing {
namespace {

using std::chrono::seconds;
using Lines = std::vector<std::string>;

class WorkKindsTest : public ::testing::Test {
 protected:
  size_t SlotsHeld() { return world_.engine().counts().running_tasks; }
  World world_{1};
};

TEST_F(WorkKindsTest, WorkWithoutASlotWaitsForNone) {
  world_.executor->TakeNoSlots();
  ASSERT_FALSE(world_.Open());
  const auto group = world_.Make(5);
  EXPECT_EQ(world_.executor->launches(), 5u);
  EXPECT_EQ(SlotsHeld(), 0u);
  world_.executor->ExitAll();
  EXPECT_TRUE(group->completed());
  EXPECT_EQ(SlotsHeld(), 0u);
  EXPECT_EQ(world_.CheckLog(group), "");
}

TEST_F(WorkKindsTest, AnAttemptThatOutlivedTheDaemonGoesOn) {
  ASSERT_FALSE(world_.Open());
  world_.Make(2);
  world_.next_executor = std::make_shared<ScriptedExecutor>();
  world_.next_executor->Recovers();
  ASSERT_FALSE(world_.Open());
  EXPECT_EQ(world_.executor->running(), Lines{"0.1"});
  EXPECT_EQ(world_.executor->launches(), 0u);  // taken up, not started
  EXPECT_EQ(SlotsHeld(), 1u);
  world_.executor->Exit("0.1");
  EXPECT_EQ(world_.executor->running(), Lines{"1.1"});
  world_.executor->ExitAll();
  const auto group = world_.Find("g").value();
  EXPECT_EQ(group->View().state.outcome, state::Outcome::kSucceeded);
  EXPECT_EQ(SlotsHeld(), 0u);
  EXPECT_EQ(world_.CheckLog(group), "");
}

TEST_F(WorkKindsTest, ALostAttemptRunsAgainWhenItMay) {
  ASSERT_FALSE(world_.Open());
  auto tasks = World::Tasks(2);
  tasks[0].rerun_on_restart = true;
  const auto group =
      world_.Create({.spec = {.id = "g", .max_failures = 1}, .tasks = std::move(tasks), .seal = true})
          .value();
  world_.executor->Lose("0.1");
  EXPECT_EQ(world_.executor->running(), Lines{"1.1"});  // it waits its turn
  world_.executor->Lose("1.1");
  EXPECT_EQ(world_.executor->running(), Lines{"0.2"});
  EXPECT_EQ(group->ViewTask(1).failure->kind, FailureKind::kLost);
  EXPECT_EQ(group->ViewTask(1).failure->attempt, 1u);
  world_.executor->ExitAll();
  EXPECT_EQ(group->View().state.outcome, state::Outcome::kSucceeded);
  EXPECT_EQ(SlotsHeld(), 0u);
  EXPECT_EQ(world_.CheckLog(group), "");
}

TEST_F(WorkKindsTest, TheTimeOfATaskCountsFromTheBeginningOfItsWork) {
  world_.executor->BeginLater();
  ASSERT_FALSE(world_.Open());
  auto tasks = World::Tasks(1);
  tasks[0].timeout = seconds(5);
  world_.Create({.spec = {.id = "g"}, .tasks = std::move(tasks)}).value();
  world_.Advance(seconds(60));
  EXPECT_FALSE(world_.executor->stopped("0.1"));
  world_.executor->Begin("0.1");
  world_.Advance(seconds(4));
  EXPECT_FALSE(world_.executor->stopped("0.1"));
  world_.Advance(seconds(1));
  EXPECT_TRUE(world_.executor->stopped("0.1"));
}

TEST(TicketTest, KeepsTaskAndAttempt) {
  for (const Ticket ticket :
       {Ticket{}, Ticket{.task = 7, .attempt = 1}, Ticket{.task = UINT32_MAX - 1, .attempt = UINT32_MAX}}) {
    const Ticket back = Ticket::Unpack(ticket.Pack());
    EXPECT_EQ(back.task, ticket.task);
    EXPECT_EQ(back.attempt, ticket.attempt);
  }
}

}  // namespace
}  // namespace covey::testing
