#include "core/run/share.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/run/lane.h"
#include "covey/pool.h"
#include "tests/core/base/gate.h"
#include "tests/core/run/lane_testing.h"

namespace covey {
namespace {

// A pool whose only slot is held by `holder`; what is granted is written down and gives its slot back.
class Order : public testing::Test {
 protected:
  struct Member final : LaneOwner {
    void OnGranted(uint64_t) override {
      *order += name;
      lane->Release();
    }
    char name = ' ';
    std::string* order = nullptr;
    std::unique_ptr<Lane> lane;
  };

  void SetUp() override { ASSERT_EQ(holder_.TryAcquire(), 1u); }

  Member& Add(char name, size_t tickets, Lane::Options options = {}) {
    auto member = std::make_shared<Member>();
    member->name = name;
    member->order = &order_;
    member->lane = std::make_unique<Lane>(pool_, member, std::move(options));
    EXPECT_TRUE(member->lane->Push(Tickets(tickets)).ok());
    members_.push_back(member);
    return *member;
  }
  // Everything is granted, in turn.
  std::string Run() {
    holder_.Release();
    EXPECT_EQ(pool_->waiting(), 0u);
    EXPECT_EQ(pool_->stats().running, 0u);
    return order_;
  }

  const std::shared_ptr<Pool> pool_ = Pool::New(1);
  Lane holder_{pool_, std::make_shared<Recorder>()};
  std::string order_;
  std::vector<std::shared_ptr<Member>> members_;
};

TEST_F(Order, EqualsTakeTurns) {
  Add('a', 3);
  Add('b', 1);
  Add('c', 4);
  EXPECT_EQ(Run(), "abcacacc");
}

TEST_F(Order, AShareCountsAsOneBesideItsSiblings) {
  const auto share = Lane::NewShare(*pool_);
  Add('a', 2, {.share = share});
  Add('b', 2, {.share = share});
  Add('c', 4);
  EXPECT_EQ(Run(), "acbcacbc");
}

TEST_F(Order, PrioritiesOrderLanesAndShares) {
  const auto low = Lane::NewShare(*pool_, 0, -1);
  Add('a', 2, {.share = low});
  Add('b', 2, {.priority = 1, .share = low});
  Add('c', 2);
  Add('d', 2, {.priority = 7});
  EXPECT_EQ(Run(), "ddccbbaa");
}

TEST_F(Order, EverySixteenthGoesToWhoeverHasWaitedLongest) {
  Add('h', 60, {.priority = 9});
  Add('m', 2, {.priority = 5});
  Add('l', 2);
  const std::string order = Run();
  ASSERT_EQ(order.size(), 64u);
  std::string sixteenths;
  for (size_t i = 15; i < order.size(); i += 16) sixteenths += order[i];
  EXPECT_EQ(sixteenths, "mlml") << order;
  for (size_t i = 0; i < order.size(); ++i) {
    if (i % 16 != 15) {
      EXPECT_EQ(order[i], 'h') << i;
    }
  }
}

TEST_F(Order, AmongEqualsASixteenthChangesNothing) {
  Add('a', 20);
  Add('b', 20);
  std::string turns;
  for (int i = 0; i < 20; ++i) turns += "ab";
  EXPECT_EQ(Run(), turns);
}

TEST_F(Order, ALaneThatIsAskedLessOftenIsServedInTheEnd) {
  for (int i = 0; i < 5; ++i) Add('h', 100, {.priority = 1});
  Add('l', 3);
  const std::string order = Run();
  EXPECT_LT(order.find('l'), 32u) << "at the first or the second sixteenth";
  EXPECT_LT(order.rfind('l'), 6 * 16u);
}

TEST_F(Order, APriorityCanBeChanged) {
  Add('a', 3);
  Member& b = Add('b', 3);
  const auto share = Lane::NewShare(*pool_, 0, -3);
  Add('c', 3, {.share = share});
  b.lane->SetPriority(4);
  share->SetPriority(2);
  EXPECT_EQ(Run(), "bbbcccaaa");
}

TEST_F(Order, TheLevelsOfALaneShareItsTurns) {
  Member& a = Add('a', 2);
  Add('b', 4);
  ASSERT_TRUE(a.lane->Push(Tickets(2, 100), 50).ok());
  EXPECT_EQ(Run(), "abababab") << "a ticket's priority counts in its lane alone";
}

TEST(SlotShare, ItsLimitHoldsForAllItsLanes) {
  const auto pool = Pool::New(8);
  const auto share = Lane::NewShare(*pool, 3);
  const auto inner = Lane::NewShare(*pool, 2, 0, share);
  std::vector<std::shared_ptr<Recorder>> owners;
  std::vector<std::unique_ptr<Lane>> lanes;
  for (const auto& parent : {share, inner, inner}) {
    owners.push_back(std::make_shared<Recorder>());
    lanes.push_back(std::make_unique<Lane>(pool, owners.back(), Lane::Options{.share = parent}));
    ASSERT_TRUE(lanes.back()->Push(Tickets(10)).ok());
  }
  EXPECT_EQ(lanes[0]->running(), 3u) << "it came first";
  EXPECT_EQ(share->running(), 3u);
  EXPECT_EQ(share->waiting(), 27u);
  EXPECT_EQ(lanes[1]->TryAcquire() + lanes[2]->TryAcquire(), 0u);
  lanes[0]->Release(3);
  EXPECT_EQ(share->running(), 3u);
  EXPECT_GE(inner->running(), 1u);
  EXPECT_LE(inner->running(), 2u);
  share->SetLimit(5);
  EXPECT_EQ(share->running(), 5u) << "at once";
  inner->SetLimit(0);
  share->SetLimit(0);
  EXPECT_EQ(pool->stats().running, 8u);
  share->SetLimit(2);
  EXPECT_EQ(share->running(), 8u) << "what runs may finish";
  for (size_t i = 0; i < lanes.size(); ++i) {
    while (lanes[i]->running() > 0) lanes[i]->Release();
    lanes[i]->Clear();
  }
  for (size_t i = 0; i < lanes.size(); ++i) {
    while (lanes[i]->running() > 0) lanes[i]->Release();
  }
  EXPECT_EQ(share->running() + share->waiting(), 0u);
}

TEST(SlotShare, AFullOneLeavesTheRestToOthers) {
  const auto pool = Pool::New(4);
  const auto share = Lane::NewShare(*pool, 1, 5);
  const auto owner = std::make_shared<Recorder>();
  const auto other_owner = std::make_shared<Recorder>();
  Lane lane(pool, owner, {.share = share});
  Lane other(pool, other_owner);
  ASSERT_TRUE(lane.Push(Tickets(3)).ok());
  EXPECT_EQ(other.TryAcquire(2), 2u) << "tickets that may not run overtake nobody";
  ASSERT_TRUE(other.Push(Tickets(3)).ok());
  EXPECT_EQ(other.running(), 3u);
  lane.Release();
  EXPECT_EQ(owner->granted().size(), 2u) << "its priority is higher";
  other.Release(3);
  EXPECT_EQ(other.running(), 2u);
  lane.Clear();
  lane.Release();
  other.Release(2);
}

TEST(SlotShare, MayGoBeforeItsPoolAndItsLanes) {
  auto pool = Pool::New(1);
  std::weak_ptr<Pool> weak = pool;
  auto share = Lane::NewShare(*pool, 1);
  {
    auto inner = Lane::NewShare(*pool, 1, 3, share);
    const auto owner = std::make_shared<Recorder>();
    Lane lane(pool, owner, {.share = inner});
    inner = nullptr;
    ASSERT_TRUE(lane.Push(Tickets(2)).ok());
    lane.Release();
    lane.Release();
    EXPECT_EQ(owner->granted().size(), 2u);
  }
  pool = nullptr;
  EXPECT_TRUE(weak.expired());
  EXPECT_EQ(share->running(), 0u);
  share->SetLimit(4);
}

TEST(SlotShare, ClosingThePoolRefusesWhatALimitHeldBack) {
  const auto pool = Pool::New(0);
  const auto share = Lane::NewShare(*pool, 1);
  const auto owner = std::make_shared<Recorder>();
  Lane lane(pool, owner, {.share = share});
  ASSERT_TRUE(lane.Push(Tickets(3)).ok());
  std::thread closer([&] { EXPECT_TRUE(pool->Close().ok()); });
  EXPECT_TRUE(Eventually([&] { return owner->refused == 2; }));
  EXPECT_EQ(share->waiting(), 0u);
  share->SetLimit(0);
  lane.Release();
  closer.join();
  EXPECT_EQ(owner->granted().size(), 1u);
  EXPECT_TRUE(Is(lane.Push(Tickets(1)), Rejection::kClosed));
}

}  // namespace
}  // namespace covey
