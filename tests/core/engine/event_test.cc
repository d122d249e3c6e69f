// Streams of events (promise 11), and what stays in memory.

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/engine_world.h"
#include "tests/support/held_journal.h"

namespace covey::testing {
namespace {

class EventTest : public ::testing::Test {
 protected:
  EventPage Read(const World::GroupPtr& group, uint64_t after, size_t limit) {
    return Get(Ask<Result<EventPage>>([&](auto done) {
             world_.engine().ReadEvents(group, after, {.count = limit}, std::move(done));
           }))
        .value();
  }
  World world_;
};

TEST_F(EventTest, AStreamGoesFromTheJournalToMemoryWithoutAGap) {
  world_.executor->ExitAtOnce();
  ASSERT_FALSE(world_.Open());
  const auto group = world_.Make(2000);
  ASSERT_TRUE(group->completed());
  const uint64_t last = group->View().last_number;
  EXPECT_GT(last, 5000u);
  EXPECT_FALSE(group->RecentEvents(0, {.count = 10}));  // has left memory
  EXPECT_TRUE(group->RecentEvents(last - 1000, {.count = 10}));
  uint64_t next = 1;
  for (bool completed = false; !completed;) {
    const EventPage page = Read(group, next - 1, 300);
    ASSERT_FALSE(page.empty());
    for (const Record& record : page.records()) ASSERT_EQ(record.number, next++);
    EXPECT_EQ(page.through, next - 1);
    completed = page.completed;
  }
  EXPECT_EQ(next - 1, last);
  EXPECT_TRUE(Read(group, last, 300).completed);
}

// Each of 20 exits is an append of its own, and all of them are one batch.
TEST_F(EventTest, WatchersAreToldOnceABatch) {
  World world(20);
  ASSERT_FALSE(world.Open());
  const auto one = world.Make(10, true, {.id = "one"});
  const auto other = world.Make(10, true, {.id = "other"});
  std::vector<int> told(3);
  const uint64_t first = one->Watch([&] { ++told[0]; });
  const uint64_t second = other->Watch([&] { ++told[1]; });
  const uint64_t all = world.engine().WatchAll([&] {
    ++told[2];
    EXPECT_TRUE(one->completed() && other->completed());
  });
  world.journal->HoldCommits();
  world.executor->ExitAll();
  EXPECT_EQ(told, std::vector<int>(3));
  world.journal->ReleaseCommits();
  EXPECT_EQ(told, (std::vector<int>{1, 1, 1}));
  one->Unwatch(first);
  other->Unwatch(second);
  world.engine().UnwatchAll(all);
}

TEST_F(EventTest, WatchersAreToldOfCommitsAlone) {
  ASSERT_FALSE(world_.Open());
  const auto group = world_.Make(1);
  int told = 0;
  int told_of_all = 0;
  const uint64_t id = group->Watch([&] { ++told; });
  const uint64_t all = world_.engine().WatchAll([&] { ++told_of_all; });
  world_.journal->HoldCommits();
  world_.executor->Exit("0.1");
  EXPECT_EQ(told, 0);
  world_.journal->ReleaseCommits();
  EXPECT_EQ(told, 1);
  EXPECT_EQ(told_of_all, 1);
  group->Unwatch(id);
  world_.engine().UnwatchAll(all);
  EXPECT_FALSE(group->watched());
}

TEST_F(EventTest, AWaitForATaskEndsWithIt) {
  ASSERT_FALSE(world_.Open());
  const auto group = world_.Make(6, true, {.id = "g", .max_failures = 1});
  int first = 0;
  int queued = 0;
  group->WaitTask(0, [&] { ++first; });
  group->WaitTask(5, [&] { ++queued; });
  world_.executor->Exit("0.1", ExitFailure(1));
  EXPECT_EQ(first, 1);
  EXPECT_EQ(queued, 0);
  world_.executor->Exit("1.1", ExitFailure(1));  // decides: what is queued is stopped
  EXPECT_EQ(queued, 1);
  EXPECT_EQ(group->WaitTask(5, [&] { ++queued; }), 0u);
}

TEST_F(EventTest, FinishedGroupsLeaveMemoryAndComeBack) {
  world_.executor->ExitAtOnce();
  world_.resident_groups = 2;
  ASSERT_FALSE(world_.Open());
  std::weak_ptr<DurableGroup> first = world_.Make(3, true, {.id = "first"});
  EXPECT_FALSE(first.expired());
  for (int i = 0; i < 3; ++i) world_.Make(1, true, {.id = "g" + std::to_string(i)});
  EXPECT_TRUE(first.expired());
  const auto again = world_.Find("first");
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again.value()->task_count(), 3u);
  EXPECT_EQ(world_.CheckLog(again.value()), "");
  EXPECT_EQ(world_.Find("first").value(), again.value());  // resident again
  // A group that is only read answers commands as one that is over.
  EXPECT_FALSE(Get(world_.Cancel(again.value())));
  EXPECT_FALSE(Get(world_.Seal(again.value())));
  again.value()->Arm();
  EXPECT_EQ(Get(world_.Submit(again.value(), World::Tasks(1))).error().reason, "GROUP_DECIDED");
}

TEST_F(EventTest, DeletedGroupsTakeNoRoomFromThoseThatStay) {
  world_.executor->ExitAtOnce();
  world_.resident_groups = 1;
  ASSERT_FALSE(world_.Open());
  for (int i = 0; i < 3; ++i) {
    world_.Make(3);
    EXPECT_TRUE(Get(Ask<Result<Void>>([&](auto done) { world_.engine().Delete("g", done); })).ok());
  }
  std::weak_ptr<DurableGroup> stays = world_.Make(3);
  EXPECT_FALSE(stays.expired());
  world_.Make(2, true, {.id = "other"});
  EXPECT_TRUE(stays.expired());
}

TEST_F(EventTest, AWatchedGroupStays) {
  world_.executor->ExitAtOnce();
  world_.resident_groups = 1;
  ASSERT_FALSE(world_.Open());
  std::weak_ptr<DurableGroup> watched = world_.Make(1, true, {.id = "watched"});
  const uint64_t id = watched.lock()->Watch([] {});
  for (int i = 0; i < 3; ++i) world_.Make(1, true, {.id = "g" + std::to_string(i)});
  ASSERT_FALSE(watched.expired());
  watched.lock()->Unwatch(id);
  for (int i = 3; i < 6; ++i) world_.Make(1, true, {.id = "g" + std::to_string(i)});
  EXPECT_TRUE(watched.expired());
}

TEST_F(EventTest, AnExitTellsWhatWasWritten) {
  world_.output->sizes = {.standard_output = 7, .standard_error = 5, .standard_output_lost = 3};
  ASSERT_FALSE(world_.Open());
  const auto group = world_.Make(1);
  EXPECT_EQ(group->ViewTask(0).output, nullptr);
  world_.executor->Exit("0.1");
  ASSERT_NE(group->ViewTask(0).output, nullptr);
  EXPECT_EQ(*group->ViewTask(0).output, world_.output->sizes);
  const Result<std::vector<Record>> records = world_.Records("g");
  for (const Record& record : records.value()) {
    const bool exit = record.event.kind == state::EventKind::kTaskExited;
    ASSERT_EQ(record.output != nullptr, exit);
    if (exit) {
      EXPECT_EQ(*record.output, world_.output->sizes);
    }
  }
}

TEST_F(EventTest, DeleteForgetsWhatIsOver) {
  ASSERT_FALSE(world_.Open());
  const auto group = world_.Make(1);
  const auto remove = [&] {
    return Get(Ask<Result<Void>>([&](auto done) { world_.engine().Delete("g", std::move(done)); }));
  };
  EXPECT_EQ(remove().error().code, ErrorCode::kFailedPrecondition);
  world_.executor->Exit("0.1");
  const int before = world_.output->purged;
  EXPECT_TRUE(remove().ok());
  EXPECT_EQ(world_.output->purged, before + 1);
  EXPECT_EQ(world_.Find("g").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(remove().error().code, ErrorCode::kNotFound);
}

// What its journal has lost, or a deletion cut short has left, is not the output of a new group of that id.
TEST_F(EventTest, ANewGroupHasNoOutputYet) {
  ASSERT_FALSE(world_.Open());
  world_.Make(1, true, {.id = "nightly"});
  EXPECT_EQ(world_.output->purged, 1);
  EXPECT_EQ(world_.Create({.spec = {.id = "nightly"}}).error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(world_.output->purged, 1) << "it has some by now";
}

TEST_F(EventTest, AGroupThatIsDeletedWhileItIsReadDoesNotComeBack) {
  const auto journal = std::make_shared<HeldJournal>(world_.journal);
  world_.between = journal;
  world_.executor->ExitAtOnce();
  world_.resident_groups = 0;
  ASSERT_FALSE(world_.Open());
  world_.Make(1);
  journal->HoldPurges();
  auto deleted = Ask<Result<Void>>([&](auto done) { world_.engine().Delete("g", std::move(done)); });
  journal->HoldReads();
  auto found = Ask<Result<World::GroupPtr>>([&](auto done) { world_.engine().Find("g", std::move(done)); });
  journal->ReleasePurges();
  EXPECT_TRUE(Get(std::move(deleted)).ok());
  EXPECT_FALSE(Answered(found));
  journal->ReleaseReads();
  const auto answer = Get(std::move(found));
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().reason, "GROUP_NOT_FOUND");
}

TEST_F(EventTest, ListTellsLiveCounts) {
  ASSERT_FALSE(world_.Open());
  world_.Make(6);
  world_.executor->Exit("0.1");
  const auto page = Get(Ask<Result<GroupPage>>(
      [&](auto done) { world_.engine().List({}, {.count = 10}, "", std::move(done)); }));
  ASSERT_EQ(page.value().groups.size(), 1u);
  EXPECT_EQ(page.value().groups[0].state.succeeded, 1u);
  EXPECT_EQ(page.value().groups[0].state.running, 4u);
}

TEST_F(EventTest, AGroupThatIsBeingMadeIsNotFound) {
  ASSERT_FALSE(world_.Open());
  world_.journal->HoldCommits();
  auto made = Ask<Result<World::GroupPtr>>(
      [&](auto done) { world_.engine().CreateGroup({.spec = {.id = "g"}}, std::move(done)); });
  EXPECT_EQ(world_.Find("g").error().code, ErrorCode::kNotFound);
  world_.journal->ReleaseCommits();
  EXPECT_TRUE(Get(std::move(made)).ok());
  EXPECT_TRUE(world_.Find("g").ok());
}

}  // namespace
}  // namespace covey::testing
