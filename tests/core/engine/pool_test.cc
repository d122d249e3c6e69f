// Pools by name: made, changed, closed, kept from one daemon to the next, and in step with the configuration.

#include <gtest/gtest.h>

#include "tests/support/engine_world.h"
#include "tests/support/held_journal.h"

namespace covey::testing {
namespace {

using Lines = std::vector<std::string>;

Result<PoolView> CreatePool(World& world, const std::string& name, uint32_t max) {
  return Get(Ask<Result<PoolView>>([&](auto done) { world.engine().pools().Create(name, max, done); }));
}
Result<PoolView> UpdatePool(World& world, const std::string& name, uint32_t max) {
  return Get(Ask<Result<PoolView>>([&](auto done) { world.engine().pools().Update(name, max, done); }));
}
// nullopt: it is not answered yet.
std::optional<Result<Void>> ClosePool(World& world, const std::string& name) {
  auto answer = std::make_shared<std::optional<Result<Void>>>();
  world.engine().pools().Close(name, [answer](Result<Void> result) { *answer = std::move(result); });
  return *answer;
}

// "name max" of each, with what it is besides.
Lines Pools(World& world) {
  Lines lines;
  for (const PoolView& pool : world.engine().pools().List()) {
    lines.push_back(pool.name + " " + std::to_string(pool.max) + (pool.configured ? " configured" : "") +
                    (pool.closing ? " closing" : ""));
  }
  return lines;
}

TEST(PoolTableTest, DefaultIsThereWithoutBeingAskedFor) {
  World world;
  world.pools.clear();
  ASSERT_FALSE(world.Open());
  EXPECT_EQ(Pools(world), Lines{"default 64"});
}

TEST(PoolTableTest, APoolThatWasMadeIsUsedAndKept) {
  World world;
  ASSERT_FALSE(world.Open());
  ASSERT_TRUE(CreatePool(world, "batch", 1).ok());
  EXPECT_EQ(CreatePool(world, "batch", 2).error().reason, "POOL_EXISTS");
  world.Make(2, true, {.id = "g", .pool = "batch"});
  EXPECT_EQ(world.executor->running(), Lines{"0.1"});
  const PoolView view = world.engine().pools().Get("batch").value();
  EXPECT_EQ(view.running, 1u);
  EXPECT_EQ(view.waiting, 1u);
  EXPECT_EQ(view.groups, 1u);
  world.Make(0, false, {.id = "open", .pool = "batch"});

  ASSERT_FALSE(world.Open());
  EXPECT_EQ(Pools(world), (Lines{"batch 1", "default 4 configured"}));
  EXPECT_EQ(world.engine().pools().Get("batch").value().groups, 1u) << "the open one; the other has failed";
}

TEST(PoolTableTest, ANewBoundHoldsAtOnceAndAfterARestart) {
  World world;
  ASSERT_FALSE(world.Open());
  ASSERT_TRUE(CreatePool(world, "batch", 1).ok());
  const auto group = world.Make(4, true, {.id = "g", .pool = "batch"});
  EXPECT_EQ(UpdatePool(world, "batch", 3).value().max, 3u);
  EXPECT_EQ(world.executor->launches(), 3u);
  EXPECT_EQ(UpdatePool(world, "batch", 1).value().running, 3u) << "shrinking lets running tasks finish";
  world.executor->ExitAll();
  EXPECT_TRUE(group->completed());
  EXPECT_EQ(UpdatePool(world, "none", 1).error().code, ErrorCode::kNotFound);
  ASSERT_FALSE(world.Open());
  EXPECT_EQ(Pools(world), (Lines{"batch 1", "default 4 configured"}));
}

TEST(PoolTableTest, WhatCannotBeKeptIsRefusedAndChangesNothing) {
  World world;
  ASSERT_FALSE(world.Open());
  world.journal->FailPools(1);
  EXPECT_EQ(CreatePool(world, "batch", 1).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(Pools(world), Lines{"default 4 configured"});
  ASSERT_TRUE(CreatePool(world, "batch", 1).ok()) << "the name is free";
  world.journal->FailPools(1);
  EXPECT_FALSE(UpdatePool(world, "batch", 2).ok());
  world.journal->FailPools(1);
  EXPECT_FALSE(ClosePool(world, "batch")->ok());
  EXPECT_EQ(Pools(world), (Lines{"batch 1", "default 4 configured"}));
}

TEST(PoolTableTest, CloseRefusesNewGroupsAndAnswersWhenTheOldOnesAreOver) {
  World world;
  ASSERT_FALSE(world.Open());
  ASSERT_TRUE(CreatePool(world, "batch", 1).ok());
  const auto group = world.Make(2, false, {.id = "g", .pool = "batch"});
  std::optional<Result<Void>> closed;
  world.engine().pools().Close("batch", [&](Result<Void> result) { closed = std::move(result); });
  EXPECT_FALSE(closed);
  EXPECT_EQ(Pools(world), (Lines{"batch 1 closing", "default 4 configured"}));
  EXPECT_EQ(world.Create({.spec = {.id = "late", .pool = "batch"}}).error().reason, "POOL_CLOSING");
  EXPECT_TRUE(Get(world.Submit(group, World::Tasks(1), {}, true)).ok()) << "its own groups go on";
  world.executor->ExitAll();
  ASSERT_TRUE(group->completed());
  ASSERT_TRUE(closed && closed->ok());
  EXPECT_EQ(Pools(world), Lines{"default 4 configured"});
  EXPECT_EQ(ClosePool(world, "batch")->error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(CreatePool(world, "batch", 7).ok()) << "the name is free again";
}

// Whoever is told that a group is over may delete it at once.
TEST(PoolTableTest, AGroupThatIsDeletedInTheMomentOfItsEndHoldsNoPool) {
  World world;
  ASSERT_FALSE(world.Open());
  ASSERT_TRUE(CreatePool(world, "batch", 1).ok());
  const auto group = world.Make(1, true, {.id = "g", .pool = "batch"});
  std::optional<Result<Void>> deleted;
  group->Wait([&] { world.engine().Delete("g", [&](Result<Void> result) { deleted = std::move(result); }); });
  world.executor->ExitAll();
  ASSERT_TRUE(deleted && deleted->ok());
  const auto closed = ClosePool(world, "batch");
  EXPECT_TRUE(closed && closed->ok());
}

TEST(PoolTableTest, APoolThatWasClosingGoesOnClosingAfterARestart) {
  World world;
  ASSERT_FALSE(world.Open());
  ASSERT_TRUE(CreatePool(world, "used", 1).ok());
  ASSERT_TRUE(CreatePool(world, "idle", 1).ok());
  world.Make(1, true, {.id = "g", .pool = "used"});
  EXPECT_FALSE(ClosePool(world, "used"));
  world.journal->PutPool({.name = "idle", .max = 1, .closing = true}, [](Result<Void>) {});
  ASSERT_FALSE(world.Open());
  EXPECT_EQ(Pools(world), Lines{"default 4 configured"}) << "its last task was lost, so nothing uses it";
  ASSERT_FALSE(world.Open());
  EXPECT_EQ(Pools(world), Lines{"default 4 configured"});
}

TEST(PoolTableTest, ANewBoundOfAClosingPoolDoesNotOpenItAgain) {
  World world;
  ASSERT_FALSE(world.Open());
  ASSERT_TRUE(CreatePool(world, "batch", 1).ok());
  world.Make(0, false, {.id = "g", .pool = "batch"});
  EXPECT_FALSE(ClosePool(world, "batch"));
  EXPECT_EQ(UpdatePool(world, "batch", 5).value().max, 5u);
  EXPECT_EQ(Pools(world), (Lines{"batch 5 closing", "default 4 configured"}));
  ASSERT_FALSE(world.Open());
  EXPECT_EQ(Pools(world), (Lines{"batch 5 closing", "default 4 configured"}));
}

// Holds what is written of pools until the test lets it go on.
class SlowPools final : public HeldJournal {
 public:
  using HeldJournal::HeldJournal;
  void PutPool(StoredPool pool, Done<Void> done) override {
    puts.push_back(
        [this, pool = std::move(pool), done = std::move(done)] { HeldJournal::PutPool(pool, done); });
  }
  void GoOn() { std::exchange(puts, {}).front()(); }

  std::vector<std::function<void()>> puts;  // under way
};

// A bound and a closing of one pool at the same time: the last word that is kept is that it closes.
TEST(PoolTableTest, ANewBoundIsKeptBeforeTheClosingThatComesAfterIt) {
  World world;
  const auto slow = std::make_shared<SlowPools>(world.journal);
  world.between = slow;
  ASSERT_FALSE(world.Open());
  PoolTable& pools = world.engine().pools();
  auto made = Ask<Result<PoolView>>([&](auto done) { pools.Create("batch", 2, done); });
  slow->GoOn();
  ASSERT_TRUE(Get(std::move(made)).ok());
  world.Make(1, true, {.id = "g", .pool = "batch"});
  auto updated = Ask<Result<PoolView>>([&](auto done) { pools.Update("batch", 5, done); });
  EXPECT_FALSE(ClosePool(world, "batch"));
  ASSERT_EQ(slow->puts.size(), 1u) << "one after the other";
  slow->GoOn();
  EXPECT_TRUE(Get(std::move(updated)).ok());
  ASSERT_EQ(slow->puts.size(), 1u);
  auto again = Ask<Result<PoolView>>([&](auto done) { pools.Update("batch", 7, done); });
  slow->GoOn();
  slow->GoOn();
  EXPECT_TRUE(Get(std::move(again)).ok());
  const auto kept = Get(Ask<Result<std::vector<StoredPool>>>([&](auto done) {
                      world.journal->Pools(std::move(done));
                    })).value();
  EXPECT_EQ(kept, (std::vector<StoredPool>{{.name = "batch", .max = 7, .closing = true}}));
}

TEST(PoolTableTest, WhoStopsWaitingIsNotToldAndThePoolGoesOnClosing) {
  World world;
  ASSERT_FALSE(world.Open());
  ASSERT_TRUE(CreatePool(world, "batch", 1).ok());
  world.Make(1, true, {.id = "g", .pool = "batch"});
  bool told = false;
  const uint64_t id = world.engine().pools().Close("batch", [&](Result<Void>) { told = true; });
  world.engine().pools().Unwait(id);
  world.executor->ExitAll();
  EXPECT_FALSE(told);
  EXPECT_EQ(Pools(world), Lines{"default 4 configured"});
}

TEST(PoolTableTest, DefaultAndConfiguredPoolsAreNotClosed) {
  World world;
  world.pools = {{"batch", 2}};
  ASSERT_FALSE(world.Open());
  EXPECT_EQ(ClosePool(world, "default")->error().reason, "POOL_DEFAULT");
  EXPECT_EQ(ClosePool(world, "batch")->error().reason, "POOL_CONFIGURED");
}

TEST(PoolTableTest, TheConfigurationIsKeptInStep) {
  World world(1);
  ASSERT_FALSE(world.Open());
  const auto group = world.Make(3);
  PoolTable& pools = world.engine().pools();
  pools.Configure({{"default", 2}, {"batch", 5}});
  EXPECT_EQ(Pools(world), (Lines{"batch 5 configured", "default 2 configured"}));
  EXPECT_EQ(world.executor->launches(), 2u) << "the new bound serves at once";
  const auto other = world.Make(1, true, {.id = "other", .pool = "batch"});
  pools.Configure({});
  EXPECT_EQ(Pools(world), (Lines{"batch 5 closing", "default 64"}));
  pools.Configure({{"batch", 6}});
  EXPECT_EQ(Pools(world), (Lines{"batch 6 configured", "default 64"})) << "it came back in time";
  pools.Configure({});
  world.executor->ExitAll();
  EXPECT_TRUE(other->completed());
  EXPECT_EQ(Pools(world), Lines{"default 64"});
}

TEST(PoolTableTest, AConfiguredPoolIsWhatTheConfigurationSaysAtEachStart) {
  World world;
  ASSERT_FALSE(world.Open());
  ASSERT_TRUE(CreatePool(world, "batch", 3).ok());
  EXPECT_EQ(UpdatePool(world, "default", 9).value().max, 9u);
  world.pools = {{"batch", 5}, {"default", 4}};
  ASSERT_FALSE(world.Open());
  EXPECT_EQ(Pools(world), (Lines{"batch 5 configured", "default 4 configured"}));
  world.pools.clear();
  ASSERT_FALSE(world.Open());
  EXPECT_EQ(Pools(world), Lines{"default 64"}) << "what was made before it was configured is not kept twice";
  ASSERT_TRUE(UpdatePool(world, "default", 7).ok());
  ASSERT_FALSE(world.Open());
  EXPECT_EQ(Pools(world), Lines{"default 7"}) << "without a configuration the last bound is kept";
}

TEST(PoolTableTest, ARetriedCreateFindsItsGroupAfterItsPoolHasGone) {
  World world;
  ASSERT_FALSE(world.Open());
  ASSERT_TRUE(CreatePool(world, "batch", 1).ok());
  const auto create = [&] {
    return world.Create({.spec = {.pool = "batch"}, .seal = true, .request = {.id = "r", .fingerprint = 1}});
  };
  const auto first = create();
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(ClosePool(world, "batch")->ok());
  const auto again = create();
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again.value()->id(), first.value()->id());
}

// Promise 6: a group of a million tasks does not starve one of three.
TEST(PoolTableTest, GroupsOfThreeAreServedBesideAGroupOfAMillion) {
  constexpr uint32_t kSlots = 4;
  World world(kSlots);
  world.max_queued = {.tasks = 2'000'000};
  ASSERT_FALSE(world.Open());
  const auto large = world.Make(1'000'000, false, {.id = "large"});
  std::vector<World::GroupPtr> small;
  for (int i = 0; i < 10; ++i) small.push_back(world.Make(3, true, {.id = "small" + std::to_string(i)}));
  // Each round of the ring serves one task of every group: 3 rounds of 11 slots, and what already ran.
  size_t exits = 0;
  const auto all_over = [&] {
    return std::all_of(small.begin(), small.end(), [](const auto& group) { return group->completed(); });
  };
  while (!all_over() && exits < 1000) {
    world.executor->Exit(world.executor->running().front());  // the oldest of that name: itself
    ++exits;
  }
  EXPECT_TRUE(all_over());
  EXPECT_LE(exits, 3 * 11 + kSlots);
  EXPECT_LE(large->View().state.succeeded, 3u + kSlots);
  (void)Get(world.Cancel(large));
  world.executor->ExitAll();
  EXPECT_TRUE(large->completed());
}

}  // namespace
}  // namespace covey::testing
