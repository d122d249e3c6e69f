#include "core/engine/engine_counts.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/engine_world.h"

namespace covey::testing {
namespace {

using state::Ending;
using state::Outcome;

constexpr size_t kFunction = 0;

uint64_t At(const Count& count) { return count.load(); }

const PoolCounts& CountsOf(World& world, const std::string& name) {
  for (const auto& [pool, counts] : world.engine().totals().pools()) {
    if (pool == name) return *counts;
  }
  COVEY_CHECK(false);
}

TEST(CountsTest, WhatHasBecomeDurableIsCountedOnce) {
  World world{1};
  ASSERT_FALSE(world.Open());
  const auto group = world.Make(3, true, {.id = "g", .policy = state::Policy::kAllSettled});
  world.executor->Exit("0.1");
  world.executor->Exit("1.1", Status::Error("no"));
  world.executor->Exit("2.1");
  EXPECT_TRUE(group->completed());

  const PoolCounts& counts = CountsOf(world, "default");
  EXPECT_EQ(At(counts.groups_created), 1u);
  EXPECT_EQ(At(counts.groups_ended[static_cast<size_t>(Outcome::kFailed)]
                                  [static_cast<size_t>(FailureKind::kError)]),
            1u);
  const PoolCounts::OfKind& functions = counts.kinds[kFunction];
  EXPECT_EQ(At(functions.submitted), 3u);
  EXPECT_EQ(At(functions.attempts), 3u);
  EXPECT_EQ(At(functions.reruns), 0u);
  EXPECT_EQ(At(functions.ended[static_cast<size_t>(Ending::kSucceeded)][0]), 2u);
  EXPECT_EQ(
      At(functions.ended[static_cast<size_t>(Ending::kFailed)][static_cast<size_t>(FailureKind::kError)]),
      1u);
  EXPECT_EQ(functions.queued.view().count(), 3u);
  EXPECT_EQ(functions.ran.view().count(), 3u);
  // created, submitted x3, sealed, started and exited x3, decided, completed
  EXPECT_EQ(At(world.engine().totals().events), 13u);
}

TEST(CountsTest, WhatADecisionStopsInTheQueueNeverRan) {
  World world{1};
  ASSERT_FALSE(world.Open());
  world.Make(3, true, {.id = "g"});
  world.executor->Exit("0.1", Status::Error("no"));
  const PoolCounts& counts = CountsOf(world, "default");
  EXPECT_EQ(At(counts.stopped_in_queue), 2u);
  EXPECT_EQ(At(counts.kinds[kFunction].attempts), 1u);
  EXPECT_EQ(counts.kinds[kFunction].ran.view().count(), 1u);
}

// What the journal refuses has not happened.
TEST(CountsTest, AnAppendThatFailsCountsNothing) {
  World world{1};
  ASSERT_FALSE(world.Open());
  world.journal->Inject(Fault::kFail, 1);
  const auto failed = Get(Ask<Result<Engine::GroupPtr>>(
      [&](auto done) { world.engine().CreateGroup({.spec = {.id = "g"}, .tasks = World::Tasks(2)}, done); }));
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(At(CountsOf(world, "default").groups_created), 0u);
  EXPECT_EQ(At(CountsOf(world, "default").kinds[kFunction].submitted), 0u);
  EXPECT_EQ(At(world.engine().totals().events), 0u);
}

TEST(CountsTest, PoolsBeyondTheMostShareOne) {
  EngineCounts counts;
  for (size_t i = 0; i < EngineCounts::kMostPools; ++i) counts.OfPool("p" + std::to_string(i));
  PoolCounts& first = counts.OfPool("p0");
  PoolCounts& other = counts.OfPool("one more");
  EXPECT_EQ(&counts.OfPool("yet another"), &other);
  EXPECT_EQ(&counts.OfPool("p0"), &first);
  EXPECT_NE(&first, &other);
  EXPECT_EQ(counts.pools().size(), EngineCounts::kMostPools + 1);
}

TEST(HistogramTest, AValueGoesIntoTheFirstBucketThatTakesIt) {
  Durations durations;
  durations.Count(std::chrono::milliseconds(1));
  durations.Count(std::chrono::microseconds(1001));
  durations.Count(std::chrono::seconds(-5));
  durations.Count(std::chrono::hours(2));
  const HistogramView view = durations.view();
  EXPECT_EQ(view.buckets.front(), 2u) << "1 ms, and what a clock that was set back made of an instant";
  EXPECT_EQ(view.buckets[1], 1u);
  EXPECT_EQ(view.buckets.back(), 1u);
  EXPECT_EQ(view.count(), 4u);
  EXPECT_EQ(view.sum, 1'000u + 1'001u + 7'200'000'000u);
}

}  // namespace
}  // namespace covey::testing
