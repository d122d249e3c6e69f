#include "core/engine/retention.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/engine_world.h"
#include "tests/support/held_journal.h"

// Groups that are over go by age, number and bytes; nothing else does.
namespace covey {
namespace {

using namespace std::chrono_literals;
using testing::Ask;
using testing::Get;
using testing::HeldJournal;
using testing::World;
using Ids = std::vector<std::string>;

class RetentionTest : public ::testing::Test {
 protected:
  void Open() {
    world_.executor->ExitAtOnce();
    ASSERT_FALSE(world_.Open());
  }
  // A group that is over, of so many tasks.
  void Over(const std::string& id, size_t tasks = 1, Labels labels = {}) {
    world_.Make(tasks, true, {.id = id, .labels = std::move(labels)});
    world_.Advance(1min);
  }
  Ids Left() {
    Ids ids;
    const auto page = Get(Ask<Result<GroupPage>>(
        [&](auto done) { world_.engine().List({}, {.count = 1000}, "", std::move(done)); }));
    for (const GroupSummary& group : page.value().groups) ids.push_back(group.spec->id);
    std::reverse(ids.begin(), ids.end());
    return ids;
  }
  Retention::Options Options(Retention::Bounds bounds) {
    return {.bounds = bounds, .pause = 0ms, .log = [this](const std::string& line) { log_.push_back(line); }};
  }
  static constexpr Retention::Bounds kNone{.age = 0us, .failed_age = 0us, .groups = 0, .bytes = 0};

  World world_;
  Ids log_;
};

TEST_F(RetentionTest, ByAge) {
  Open();
  for (const char* id : {"a", "b", "c"}) Over(id);  // a minute between them
  Retention retention(world_.engine(), Options({.age = 10min, .failed_age = 10min, .groups = 0, .bytes = 0}));
  EXPECT_EQ(retention.Look().value().groups, 0u);
  world_.Advance(7min);  // "a" ended 10 minutes ago, to the second
  EXPECT_EQ(retention.Look().value().groups, 0u);
  world_.Advance(1s);
  EXPECT_EQ(retention.Look().value().groups, 1u);
  EXPECT_EQ(Left(), Ids({"b", "c"}));
  EXPECT_EQ(world_.Find("a").error().code, ErrorCode::kNotFound);
  world_.Advance(24h);
  EXPECT_EQ(retention.Look().value().groups, 2u);
  EXPECT_EQ(Left(), Ids());
  EXPECT_EQ(retention.view().purged_groups, 3u);
}

TEST_F(RetentionTest, FailedOnesMayStayLonger) {
  ASSERT_FALSE(world_.Open());
  world_.Make(1, true, {.id = "failed"});
  world_.executor->Exit("0.1", Status(testing::ExitFailure(3)));
  world_.Make(1, true, {.id = "good"});
  world_.executor->Exit("0.1");
  Retention retention(world_.engine(), Options({.age = 1h, .failed_age = 48h, .groups = 0, .bytes = 0}));
  world_.Advance(2h);
  EXPECT_EQ(retention.Look().value().groups, 1u);
  EXPECT_EQ(Left(), Ids({"failed"}));
  world_.Advance(47h);
  EXPECT_EQ(retention.Look().value().groups, 1u);
  EXPECT_EQ(Left(), Ids());
}

TEST_F(RetentionTest, ByNumberTheOldestFirstAndFailedOnesToo) {
  ASSERT_FALSE(world_.Open());
  for (const char* id : {"a", "b", "c", "d"}) {
    world_.Make(1, true, {.id = id});
    world_.executor->Exit("0.1", *id == 'b' ? Status(testing::ExitFailure(3)) : Status());
    world_.Advance(1s);
  }
  world_.Make(1, true, {.id = "runs"});
  auto bounds = kNone;
  bounds.groups = 2;
  Retention retention(world_.engine(), Options(bounds));
  EXPECT_EQ(retention.Look().value().groups, 2u);
  EXPECT_EQ(Left(), Ids({"c", "d", "runs"})) << "what is not over is not counted, and stays";
  EXPECT_EQ(retention.Look().value().groups, 0u);
  bounds.groups = 1;
  retention.SetBounds(bounds);
  EXPECT_EQ(retention.Look().value().groups, 1u);
  EXPECT_EQ(Left(), Ids({"d", "runs"}));
}

TEST_F(RetentionTest, ByBytesOfJournalAndOutput) {
  world_.output->sizes = {.standard_output = 1 << 20, .standard_error = 5, .standard_error_lost = 5};
  Open();
  for (const char* id : {"a", "b", "c"}) Over(id, 2);  // about 2 MiB each
  EXPECT_GE(world_.engine().journal_usage().ended_bytes, 6u << 20);
  EXPECT_LT(world_.engine().journal_usage().ended_bytes, 7u << 20);
  auto bounds = kNone;
  bounds.bytes = 5 << 20;
  Retention retention(world_.engine(), Options(bounds));
  EXPECT_EQ(retention.Look().value().groups, 1u);
  EXPECT_EQ(Left(), Ids({"b", "c"}));
  EXPECT_LT(retention.view().usage.ended_bytes, 5u << 20);
}

TEST_F(RetentionTest, WithoutBoundsNothingGoes) {
  Open();
  Over("a");
  Retention retention(world_.engine(), Options(kNone));
  world_.Advance(24h * 4000);
  EXPECT_EQ(retention.Look().value().groups, 0u);
  EXPECT_EQ(Left(), Ids({"a"}));
}

TEST_F(RetentionTest, WhatSomebodyWatchesStays) {
  Open();
  Over("a");
  Over("b");
  const auto group = world_.Find("a").value();
  const uint64_t watch = group->Watch([] {});
  auto bounds = kNone;
  bounds.groups = 1;
  Retention retention(world_.engine(), Options(bounds));
  EXPECT_EQ(retention.Look().value().groups, 0u);
  EXPECT_EQ(Left(), Ids({"a", "b"}));
  group->Unwatch(watch);
  EXPECT_EQ(retention.Look().value().groups, 1u);
  EXPECT_EQ(Left(), Ids({"b"}));
}

// Promise 13: what a retry would make again is remembered.
TEST_F(RetentionTest, IdsAndRequestsOfWhatWentAreRemembered) {
  Open();
  ASSERT_TRUE(
      world_.Create({.spec = {.id = "a"}, .tasks = World::Tasks(1), .seal = true, .request = {.id = "r"}})
          .ok());
  auto bounds = kNone;
  bounds.age = 1min;
  Retention retention(world_.engine(), Options(bounds));
  world_.Advance(2min);
  ASSERT_EQ(retention.Look().value().groups, 1u);
  EXPECT_EQ(world_.Create({.spec = {.id = "a"}}).error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(world_.Create({.spec = {.id = "a"}, .request = {.id = "r"}}).error().code, ErrorCode::kNotFound);
  world_.Advance(24h);
  EXPECT_TRUE(world_.Create({.spec = {.id = "a"}, .request = {.id = "r"}}).ok());
}

// Until the output of the old one is gone.
TEST_F(RetentionTest, AnIdThatIsOnItsWayOutIsNotFree) {
  const auto journal = std::make_shared<HeldJournal>(world_.journal);
  world_.between = journal;
  Open();
  Over("a");
  journal->HoldPurges();
  auto deleted = Ask<Result<Void>>([&](auto done) { world_.engine().Delete("a", std::move(done)); });
  const int before = world_.output->purged;
  auto made = Ask<Result<World::GroupPtr>>(
      [&](auto done) { world_.engine().CreateGroup({.spec = {.id = "a"}}, std::move(done)); });
  EXPECT_FALSE(testing::Answered(made));
  journal->ReleasePurges();
  EXPECT_TRUE(Get(std::move(deleted)).ok());
  EXPECT_TRUE(Get(std::move(made)).ok());
  EXPECT_EQ(world_.output->purged, before + 2) << "of the old one, then before the new one";
}

TEST_F(RetentionTest, AStreamOfWhatIsDeletedTellsItsGap) {
  world_.resident_groups = 0;
  Open();
  Over("a", 5000);
  const auto group = world_.Find("a").value();
  const uint64_t last = group->View().last_number;
  const auto read = [&](uint64_t after) {
    return Get(Ask<Result<EventPage>>([&](auto done) {
             world_.engine().ReadEvents(group, after, {.count = 100}, std::move(done));
           }))
        .value();
  };
  EXPECT_EQ(read(0).through, 100u);
  ASSERT_TRUE(Get(Ask<Result<Void>>([&](auto done) { world_.engine().Delete("a", std::move(done)); })).ok());
  const EventPage gap = read(100);
  EXPECT_TRUE(gap.empty());
  EXPECT_EQ(gap.dropped, last - 100);
  EXPECT_EQ(gap.through, last);
  EXPECT_TRUE(gap.completed);
}

TEST_F(RetentionTest, ASweepTakesWhatIsAskedFor) {
  Open();
  for (int i = 0; i < 300; ++i) Over("g" + std::to_string(i), 1, {{"team", i % 3 == 0 ? "birds" : "fish"}});
  const WallTime now = world_.engine().now();
  Sweep look(world_.engine(), {.keep_groups = 10, .labels = {{"team", "birds"}}});
  EXPECT_EQ(look.Look().value().groups, 90u);
  EXPECT_EQ(look.Look().value().first.front().id, "g0");
  EXPECT_EQ(Left().size(), 300u) << "only a look";
  Sweep failed(world_.engine(), {.ended_before = now, .failed_before = now, .phases = {GroupPhase::kFailed}});
  EXPECT_EQ(failed.Purge({}).value().groups, 0u);
  EXPECT_EQ(look.Purge({}).value().groups, 90u);
  EXPECT_EQ(Left().size(), 210u);
  int steps = 0;
  Sweep all(world_.engine(), {.ended_before = now, .failed_before = now});
  EXPECT_EQ(all.Purge([&] { return ++steps < 1; }).value().groups, Sweep::kAtOnce)
      << "and stops when it is told";
  EXPECT_EQ(all.Purge({}).value().groups, 210 - Sweep::kAtOnce);
  EXPECT_EQ(Left().size(), 0u);
}

}  // namespace
}  // namespace covey
