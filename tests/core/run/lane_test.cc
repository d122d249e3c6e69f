#include "core/run/lane.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "covey/pool.h"
#include "tests/core/base/gate.h"
#include "tests/core/run/lane_testing.h"

namespace covey {
namespace {

TEST(Lane, ALimitHoldsBesideThePools) {
  const auto pool = Pool::New(4);
  const auto recorder = std::make_shared<Recorder>();
  const auto other = std::make_shared<Recorder>();
  Lane lane(pool, recorder, 1);
  Lane free_lane(pool, other);
  ASSERT_TRUE(lane.Push(Tickets(3)).ok());
  ASSERT_TRUE(free_lane.Push(Tickets(5)).ok());
  EXPECT_EQ(recorder->granted().size(), 1u);
  EXPECT_EQ(other->granted().size(), 3u) << "what the limit leaves";
  EXPECT_EQ(lane.TryAcquire(), 0u);
  free_lane.Release(2);
  EXPECT_EQ(other->granted().size(), 5u);
  lane.SetLimit(0);
  EXPECT_EQ(recorder->granted().size(), 1u) << "the pool is full";
  free_lane.Release(3);
  EXPECT_EQ(recorder->granted().size(), 3u);
  lane.Release(3);
}

TEST(Lane, AParkedPoolGrantsNothing) {
  for (const uint32_t max : {0U, 2U}) {
    const auto pool = Pool::New({.max = max, .parked = true});
    const auto owner = std::make_shared<Recorder>();
    Lane lane(pool, owner);
    EXPECT_EQ(lane.TryAcquire(), 0u);
    ASSERT_TRUE(lane.Push(Tickets(3)).ok());
    pool->SetMax(max);
    lane.SetLimit(3);
    EXPECT_TRUE(owner->granted().empty());
    EXPECT_EQ(pool->stats().waiting, 3u);
    pool->Unpark();
    EXPECT_EQ(owner->granted().size(), max == 0 ? 3u : 2u);
    lane.Release(owner->granted().size());
    EXPECT_EQ(owner->granted().size(), 3u);
    lane.Clear();
    lane.Release(lane.running());
  }
}

// A million tickets beside three, and every slot goes round.
TEST(Lane, ALongOneDoesNotStarveAShortOne) {
  constexpr size_t kMany = 1000000 / kFewer;
  const auto pool = Pool::New(1);
  Lane holder(pool, std::make_shared<Recorder>());
  ASSERT_EQ(holder.TryAcquire(), 1u);
  std::vector<char> order;
  Lane* lanes[2] = {};
  const auto many_owner =
      std::make_shared<Recorder>([&](uint64_t) { order.push_back('m'), lanes[0]->Release(); });
  const auto few_owner =
      std::make_shared<Recorder>([&](uint64_t) { order.push_back('f'), lanes[1]->Release(); });
  Lane many(pool, many_owner);
  Lane few(pool, few_owner);
  lanes[0] = &many;
  lanes[1] = &few;
  ASSERT_TRUE(many.Push(Tickets(kMany)).ok());
  ASSERT_TRUE(few.Push(Tickets(3)).ok());
  holder.Release();
  ASSERT_EQ(order.size(), kMany + 3);
  EXPECT_EQ(std::count(order.begin(), order.begin() + 6, 'f'), 3);
}

// Each ticket is stale and gives its slot back from within OnGranted, which frees the next.
TEST(Lane, AMillionStaleTicketsDoNotRecurse) {
  constexpr size_t kMany = 1000000 / kFewer;
  const auto pool = Pool::New(1);
  struct Owner final : LaneOwner {
    void OnGranted(uint64_t) override { ++granted, lane->Release(); }
    size_t granted = 0;
    Lane* lane = nullptr;
  };
  const auto owner = std::make_shared<Owner>();
  Lane lane(pool, owner);
  owner->lane = &lane;
  ASSERT_EQ(lane.TryAcquire(), 1u);
  ASSERT_TRUE(lane.Push(Tickets(kMany)).ok());
  lane.Release();
  EXPECT_EQ(owner->granted, kMany);
  EXPECT_EQ(pool->stats().running, 0u);
}

TEST(Lane, MayGoFromWithinItsOwnGrant) {
  const auto pool = Pool::New(2);
  std::unique_ptr<Lane> lane;
  int grants = 0;
  const auto owner = std::make_shared<Recorder>([&](uint64_t) {
    ++grants;
    lane->Release();
    lane = nullptr;
  });
  lane = std::make_unique<Lane>(pool, owner);
  ASSERT_EQ(lane->TryAcquire(2), 2u);
  ASSERT_TRUE(lane->Push(Tickets(10)).ok());
  lane->Release(2);
  EXPECT_EQ(grants, 1);
  EXPECT_EQ(pool->stats().running, 0u) << "the second grant found nobody and was given back";
  EXPECT_EQ(pool->stats().waiting, 0u);
}

TEST(Lane, MayGoFromWithinItsOwnRefusal) {
  const auto pool = Pool::New(1);
  Lane holder(pool, std::make_shared<Recorder>());
  ASSERT_EQ(holder.TryAcquire(), 1u);
  struct Owner final : LaneOwner {
    void OnGranted(uint64_t) override { ADD_FAILURE(); }
    void OnRefused(uint64_t) override { ++refused, lane = nullptr; }
    int refused = 0;
    std::unique_ptr<Lane> lane;
  };
  const auto owner = std::make_shared<Owner>();
  owner->lane = std::make_unique<Lane>(pool, owner);
  ASSERT_TRUE(owner->lane->Push(Tickets(3)).ok());
  std::thread releaser([&] {
    EXPECT_TRUE(Eventually([&] { return pool->stats().closed; }));
    holder.Release();
  });
  EXPECT_TRUE(pool->Close().ok());
  releaser.join();
  EXPECT_EQ(owner->refused, 1);
}

// An owner that has its lane, as a group does.
struct GroupLike final : LaneOwner {
  void OnGranted(uint64_t) override {
    if (on_granted) on_granted();
    lane->Release();
  }
  std::function<void()> on_granted;
  std::unique_ptr<Lane> lane;
};

TEST(Lane, TheOwnerIsKeptWhileItIsCalled) {
  const auto pool = Pool::New(1);
  Gate inside;
  Gate go_on;
  auto owner = std::make_shared<GroupLike>();
  owner->on_granted = [&] { inside.Open(), go_on.Wait(); };
  owner->lane = std::make_unique<Lane>(pool, owner);
  Lane holder(pool, std::make_shared<Recorder>());
  ASSERT_EQ(holder.TryAcquire(), 1u);
  ASSERT_TRUE(owner->lane->Push(Tickets(1)).ok());
  std::thread releaser([&] { holder.Release(); });
  inside.Wait();
  const std::weak_ptr<GroupLike> weak = owner;
  owner = nullptr;  // returns at once
  EXPECT_FALSE(weak.expired());
  go_on.Open();
  releaser.join();
  EXPECT_TRUE(weak.expired());
  EXPECT_EQ(pool->stats().running, 0u);
}

// Two threads, each with an answer to a lane that the other one destroys from within a call.
TEST(Lane, DestructionWaitsForNothing) {
  const auto pool = Pool::New(4);
  std::unique_ptr<Lane> holders[2];
  for (auto& holder : holders) {
    holder = std::make_unique<Lane>(pool, std::make_shared<Recorder>());
    ASSERT_EQ(holder->TryAcquire(2), 2u);
  }
  std::shared_ptr<GroupLike> callers[2];
  std::shared_ptr<GroupLike> victims[2];
  Gate inside(2);
  Gate destroyed(2);
  // In the order in which they are granted: the first thread gets the first two answers.
  for (int i = 0; i < 2; ++i) {
    for (auto* owner : {&callers[i], &victims[i]}) {
      *owner = std::make_shared<GroupLike>();
      (*owner)->lane = std::make_unique<Lane>(pool, *owner);
      ASSERT_TRUE((*owner)->lane->Push(Tickets(1)).ok());
    }
    callers[i]->on_granted = [&, i] {
      inside.OpenAndWait();
      victims[1 - i] = nullptr;
      destroyed.OpenAndWait();
    };
    victims[i]->on_granted = [] { ADD_FAILURE() << "it has gone"; };
  }
  std::thread threads[2];
  for (int i = 0; i < 2; ++i) threads[i] = std::thread([&, i] { holders[i]->Release(2); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(pool->stats().running, 0u);
  EXPECT_EQ(pool->stats().waiting, 0u);
}

TEST(Lane, ASlotForAnOwnerThatHasGoneServesTheNext) {
  const auto pool = Pool::New(1);
  auto gone = std::make_shared<Recorder>();
  const auto next = std::make_shared<Recorder>();
  Lane holder(pool, std::make_shared<Recorder>());
  ASSERT_EQ(holder.TryAcquire(), 1u);
  Lane orphan(pool, gone);
  Lane lane(pool, next);
  ASSERT_TRUE(orphan.Push(Tickets(3)).ok());
  ASSERT_TRUE(lane.Push(Tickets(1)).ok());
  gone = nullptr;
  holder.Release();
  EXPECT_EQ(next->granted().size(), 1u);
  EXPECT_EQ(orphan.running(), 0u);
  EXPECT_EQ(orphan.Clear(), 2u) << "they wait behind the one that runs";
  lane.Release();
}

TEST(Lane, OwnersComeAndGoWhileSlotsGoRound) {
  const auto pool = Pool::New(3);
  std::atomic<int> grants = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000 / kFewer; ++i) {
        auto owner = std::make_shared<GroupLike>();
        owner->on_granted = [&grants] { ++grants; };
        owner->lane = std::make_unique<Lane>(pool, owner);
        EXPECT_TRUE(owner->lane->Push(Tickets(4)).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(pool->stats().running, 0u);
  EXPECT_EQ(pool->stats().waiting, 0u);
  EXPECT_GT(grants, 0);
}

TEST(Lane, TicketsCanBeWithdrawn) {
  const auto pool = Pool::New(1);
  const auto owner = std::make_shared<Recorder>();
  Lane lane(pool, owner);
  ASSERT_TRUE(lane.Push(Tickets(4)).ok());
  EXPECT_FALSE(lane.Withdraw(0)) << "granted";
  EXPECT_TRUE(lane.Withdraw(2));
  EXPECT_FALSE(lane.Withdraw(2));
  EXPECT_EQ(lane.waiting(), 2u);
  lane.Release();
  lane.Release();
  EXPECT_EQ(owner->granted(), (std::vector<uint64_t>{0, 1, 3}));
  EXPECT_EQ(lane.Clear(), 0u);
  lane.Release();
}

// With a search over the tickets this takes minutes.
TEST(Lane, TicketsOfALongQueueAreFoundAtOnce) {
  constexpr uint64_t kMany = 1000000 / kFewer;
  const auto pool = Pool::New(1);
  const auto owner = std::make_shared<Recorder>();
  Lane lane(pool, owner);
  ASSERT_EQ(lane.TryAcquire(), 1u);
  ASSERT_TRUE(lane.Push(Tickets(kMany)).ok());
  for (uint64_t ticket = kMany - 1; ticket > kMany / 2; ticket -= 2) {
    ASSERT_EQ(lane.Ahead(ticket), ticket);
    ASSERT_TRUE(lane.Withdraw(ticket));
    ASSERT_EQ(lane.Ahead(ticket), std::nullopt);
  }
  EXPECT_EQ(lane.Ahead(kMany - 2), kMany / 2 + (kMany / 2 - 1) / 2);
  EXPECT_EQ(lane.Clear(), kMany - kMany / 4);
  lane.Release();
}

TEST(Lane, TryAcquireDoesNotOvertake) {
  const auto pool = Pool::New(3);
  const auto owner = std::make_shared<Recorder>();
  Lane lane(pool, owner, 1);
  Lane other(pool, std::make_shared<Recorder>());
  ASSERT_TRUE(lane.Push(Tickets(2)).ok());
  EXPECT_EQ(lane.TryAcquire(), 0u);
  EXPECT_EQ(other.TryAcquire(5), 2u) << "as many as are free";
  lane.Release();
  EXPECT_EQ(owner->granted().size(), 2u);
  lane.Release();
  other.Release(2);
}

TEST(Lane, AHigherPriorityGoesFirstAndTheFrontBeforeItsEquals) {
  const auto pool = Pool::New(1);
  const auto owner = std::make_shared<Recorder>();
  Lane lane(pool, owner);
  ASSERT_EQ(lane.TryAcquire(), 1u);
  ASSERT_TRUE(lane.Push(Tickets(2, 10)).ok());
  ASSERT_TRUE(lane.Push(Tickets(2, 20), 5).ok());
  ASSERT_TRUE(lane.Push(Tickets(2, 30), -1).ok());
  ASSERT_TRUE(lane.Push(Tickets(2, 40), 0, true).ok());
  EXPECT_EQ(lane.Ahead(20), 0u);
  EXPECT_EQ(lane.Ahead(40), 2u);
  EXPECT_EQ(lane.Ahead(11), 5u);
  EXPECT_EQ(lane.Ahead(31), 7u);
  for (int i = 0; i < 9; ++i) lane.Release();
  EXPECT_EQ(owner->granted(), (std::vector<uint64_t>{20, 21, 40, 41, 10, 11, 30, 31}));
}

TEST(Lane, ATicketThatWaitsKeepsItsPlace) {
  const auto pool = Pool::New(1);
  const auto owner = std::make_shared<Recorder>();
  Lane lane(pool, owner);
  ASSERT_EQ(lane.TryAcquire(), 1u);
  ASSERT_TRUE(lane.Push(Tickets(3)).ok());
  ASSERT_TRUE(lane.Push(Tickets(3, 1), 9, true).ok());
  EXPECT_EQ(lane.waiting(), 4u);
  for (int i = 0; i < 5; ++i) lane.Release();
  EXPECT_EQ(owner->granted(), (std::vector<uint64_t>{3, 0, 1, 2}));
}

TEST(Lane, AdoptedSlotsMayPassTheLimits) {
  const auto pool = Pool::New(2);
  const auto owner = std::make_shared<Recorder>();
  const auto other_owner = std::make_shared<Recorder>();
  Lane lane(pool, owner, 1);
  Lane other(pool, other_owner);
  lane.Adopt(3);
  EXPECT_EQ(pool->stats().running, 3u);
  ASSERT_TRUE(other.Push(Tickets(2)).ok());
  EXPECT_EQ(lane.TryAcquire(), 0u);
  lane.Release();
  EXPECT_EQ(other_owner->granted().size(), 0u);
  lane.Release();
  EXPECT_EQ(other_owner->granted().size(), 1u);
  lane.Release();
  EXPECT_EQ(other_owner->granted().size(), 2u);
  other.Release(2);
}

}  // namespace
}  // namespace covey
