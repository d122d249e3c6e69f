// Groups that are over and too large to be resident: read by page, whatever their size.

#include "core/engine/over_groups.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/engine_world.h"
#include "tests/support/held_journal.h"

namespace covey::testing {
namespace {

// Counts what is read of groups.
class CountedJournal final : public HeldJournal {
 public:
  using HeldJournal::HeldJournal;

  void Read(std::string group, uint64_t from, PageLimit limit, Done<std::vector<Record>> done) override {
    HeldJournal::Read(std::move(group), from, limit, [this, done = std::move(done)](auto records) {
      if (records.ok()) records_ += records.value().size();
      done(std::move(records));
    });
  }
  size_t records() const { return records_; }

 private:
  size_t records_ = 0;
};

using Found = Engine::Found;
using WindowPtr = OverGroups::WindowPtr;

class OverGroupsTest : public ::testing::Test {
 protected:
  // The group is over; a daemon that begins anew holds nothing of it.
  void Restart() {
    journal_ = std::make_shared<CountedJournal>(world_.journal);
    world_.between = journal_;
    ASSERT_FALSE(world_.Open());
  }
  Found Look(uint32_t most_tasks = OverGroups::kTasks) {
    return Get(Ask<Result<Found>>([&](auto done) { world_.engine().FindOrLook("g", most_tasks, done); }))
        .value();
  }
  std::future<Result<WindowPtr>> AskForTasks(const GroupSummary& over, uint32_t first) {
    return Ask<Result<WindowPtr>>([&](auto done) { world_.engine().ReadTasks(over, first, done); });
  }
  GroupEnd End(const GroupSummary& over) {
    return Get(Ask<Result<GroupEnd>>([&](auto done) { world_.engine().ReadEnd(over, done); })).value();
  }
  // All tasks, window by window.
  std::vector<TaskView> Listed(const GroupSummary& over) {
    std::vector<TaskView> views;
    for (uint32_t next = 0; next < over.state.submitted;) {
      const WindowPtr window = Get(AskForTasks(over, next)).value();
      EXPECT_EQ(window->first(), next);
      EXPECT_LE(window->bytes(), OverGroups::kBytes);
      for (TaskView& view : window->Views(next, SIZE_MAX / 2, over)) views.push_back(std::move(view));
      next = window->end();
      EXPECT_EQ(views.size(), next);
    }
    return views;
  }
  // Folded whole, as small groups are, the group says the same of each task.
  void ExpectAsFolded(const std::vector<TaskView>& views) {
    const World::GroupPtr whole =
        Get(Ask<Result<World::GroupPtr>>([&](auto done) { world_.engine().FindWhole("g", done); })).value();
    ASSERT_EQ(views.size(), whole->task_count());
    for (uint32_t i = 0; i < views.size(); ++i) {
      const TaskView folded = whole->ViewTask(i);
      const TaskView& view = views[i];
      ASSERT_EQ(view.index, i);
      ASSERT_EQ(view.name, folded.name);
      ASSERT_EQ(view.group, folded.group);
      ASSERT_EQ(view.state.phase, folded.state.phase) << i;
      ASSERT_EQ(view.state.attempt, folded.state.attempt) << i;
      ASSERT_EQ(view.stopped, folded.stopped) << i;
      ASSERT_EQ(view.submitted, folded.submitted) << i;
      ASSERT_EQ(view.started, folded.started) << i;
      ASSERT_EQ(view.ended, folded.ended) << i;
      ASSERT_EQ(view.spec_event, folded.spec_event) << i;
      ASSERT_EQ(view.end_event, folded.end_event) << i;
      ASSERT_EQ(view.failure == nullptr, folded.failure == nullptr) << i;
      if (view.failure == nullptr) continue;
      ASSERT_EQ(view.failure->message, folded.failure->message) << i;
    }
  }

  World world_;
  std::shared_ptr<CountedJournal> journal_;
};

constexpr uint32_t kMany = 12'000;

TEST_F(OverGroupsTest, TasksAreReadByWindowAndNothingStays) {
  ASSERT_FALSE(world_.Open());
  std::vector<TaskSpec> tasks = World::Tasks(kMany);
  for (size_t i = 0; i < tasks.size(); i += 3) tasks[i].name = "task-" + std::to_string(i);
  const auto group = world_
                         .Create({.spec = {.id = "g", .policy = Policy::kAllSettled},
                                  .tasks = std::move(tasks),
                                  .seal = true,
                                  .request = {}})
                         .value();
  world_.executor->Exit("task-0.1", ExitFailure(3, std::string(1000, 'd')));
  world_.executor->Exit("2.1", ExitFailure(4));
  world_.executor->ExitAtOnce();
  world_.executor->ExitAll();
  ASSERT_TRUE(group->completed());
  Restart();
  const Found found = Look();
  ASSERT_EQ(found.group, nullptr);
  EXPECT_EQ(journal_->records(), 0u);
  const std::vector<TaskView> views = Listed(found.over);
  // Each of the three windows begins where its first task does.
  EXPECT_LT(journal_->records(), 3 * found.over.last_number);
  const size_t before = journal_->records();
  for (const uint32_t task : {0u, 4'999u, 5'000u, kMany - 1}) {
    EXPECT_TRUE(Get(AskForTasks(found.over, task)).value()->Has(task));
  }
  EXPECT_EQ(journal_->records(), before);  // kept
  const GroupEnd end = End(found.over);
  EXPECT_EQ(end.failures.size(), 2u);
  EXPECT_EQ(Look().group, nullptr);
  ExpectAsFolded(views);
  EXPECT_EQ(end.failures.front()->detail, world_.Find("g").value()->End().failures.front()->detail);
}

TEST_F(OverGroupsTest, WhatNeverRanIsToldByTheEndOfTheGroup) {
  ASSERT_FALSE(world_.Open());
  const auto group = world_.Make(OverGroups::kTasks + 10);
  world_.executor->Exit("0.1");
  auto cancelled = world_.Cancel(group);
  world_.executor->ExitAll();
  EXPECT_FALSE(Get(std::move(cancelled)));
  ASSERT_TRUE(group->completed());
  Restart();
  const std::vector<TaskView> views = Listed(Look().over);
  EXPECT_TRUE(views.back().stopped);
  ExpectAsFolded(views);
}

TEST_F(OverGroupsTest, HowItEndedIsOneLookUpUnlessTasksHaveFailed) {
  world_.executor->ExitAtOnce();
  ASSERT_FALSE(world_.Open());
  ASSERT_TRUE(world_.Make(10)->completed());
  Restart();
  const Found found = Look(0);
  ASSERT_EQ(found.group, nullptr);
  EXPECT_EQ(End(found.over).group.state.succeeded, 10u);
  EXPECT_EQ(journal_->records(), 0u);
  EXPECT_NE(Look().group, nullptr);  // small: it may be resident
}

TEST_F(OverGroupsTest, AWindowIsBoundedInBytes) {
  constexpr uint32_t kFailing = 4'000;
  world_.pools = {{"default", kFailing}};
  ASSERT_FALSE(world_.Open());
  const auto group = world_.Make(kFailing, true, {.id = "g", .policy = Policy::kAllSettled});
  for (const std::string& attempt : world_.executor->running()) {
    Failure failure = ExitFailure(1);
    failure.message = std::string(1'000, 'm');
    world_.executor->Exit(attempt, failure);
  }
  ASSERT_TRUE(group->completed());
  Restart();
  const GroupSummary over = Look(0).over;
  EXPECT_LT(Get(AskForTasks(over, 0)).value()->end(), kFailing / 2);
  ExpectAsFolded(Listed(over));
}

TEST_F(OverGroupsTest, WhoAsksMeanwhileWaitsAndReadsNothingAgain) {
  world_.executor->ExitAtOnce();
  ASSERT_FALSE(world_.Open());
  ASSERT_TRUE(world_.Make(100)->completed());
  Restart();
  const GroupSummary over = Look(0).over;
  journal_->HoldReads();
  auto first = AskForTasks(over, 0);
  auto second = AskForTasks(over, 50);
  EXPECT_FALSE(Answered(first));
  journal_->ReleaseReads();
  EXPECT_EQ(Get(std::move(first)).value(), Get(std::move(second)).value());
  EXPECT_EQ(journal_->records(), over.last_number);
}

TEST_F(OverGroupsTest, ALaterGroupOfThatIdIsAnother) {
  world_.executor->ExitAtOnce();
  ASSERT_FALSE(world_.Open());
  ASSERT_TRUE(world_.Make(3)->completed());
  Restart();
  world_.executor->ExitAtOnce();
  EXPECT_EQ(Get(AskForTasks(Look(0).over, 0)).value()->end(), 3u);
  EXPECT_TRUE(Get(Ask<Result<Void>>([&](auto done) { world_.engine().Delete("g", done); })).ok());
  world_.Advance(std::chrono::seconds(1));
  const auto later = world_.Make(5);
  EXPECT_EQ(Get(AskForTasks(later->View(), 0)).value()->end(), 5u);
}

TEST_F(OverGroupsTest, OneThatGoesMeanwhileIsNotFound) {
  world_.executor->ExitAtOnce();
  ASSERT_FALSE(world_.Open());
  ASSERT_TRUE(world_.Make(3)->completed());
  Restart();
  const GroupSummary over = Look(0).over;
  EXPECT_TRUE(Get(Ask<Result<Void>>([&](auto done) { world_.engine().Delete("g", done); })).ok());
  EXPECT_EQ(Get(AskForTasks(over, 0)).error().reason, "GROUP_NOT_FOUND");
}

}  // namespace
}  // namespace covey::testing
