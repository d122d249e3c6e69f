#include "core/run/blocking_lane.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "covey/pool.h"
#include "tests/core/base/gate.h"

namespace covey {
namespace {

const Context kEndless = Context::Background();

TEST(BlockingLane, WaitsForItsTurnUnderItsLimit) {
  const auto pool = Pool::New(4);
  BlockingLane lane(pool, 2);
  std::atomic<int> held = 0;
  std::atomic<int> most = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500 / kFewer; ++i) {
        EXPECT_TRUE(lane.Acquire(kEndless).ok());
        const int now = ++held;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        --held;
        lane.Release();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most, 2);
  EXPECT_EQ(pool->stats().running, 0u);
}

TEST(BlockingLane, GivesUpWithItsContextAndIsRefusedByClose) {
  const auto pool = Pool::New(1);
  BlockingLane lane(pool);
  ASSERT_TRUE(lane.Acquire(kEndless).ok());
  const Context context = kEndless.WithCancel();
  std::thread gives_up([&] { EXPECT_TRUE(Is(lane.Acquire(context), Rejection::kDispatchTimeout)); });
  ASSERT_TRUE(Eventually([&] { return pool->waiting() == 1; }));
  context.Cancel();
  gives_up.join();
  EXPECT_TRUE(Is(lane.Acquire(context), Rejection::kDispatchTimeout)) << "over already";
  std::thread refused([&] { EXPECT_TRUE(Is(lane.Acquire(kEndless), Rejection::kClosed)); });
  ASSERT_TRUE(Eventually([&] { return pool->waiting() == 1; }));
  std::thread closer([&] { EXPECT_TRUE(pool->Close().ok()); });
  refused.join();
  lane.Release();
  closer.join();
}

// The lane goes as soon as its slot was given back, while other threads still return from its owner's calls.
TEST(BlockingLane, MayGoWhenItsCallsHaveReturned) {
  const auto pool = Pool::New(1);
  for (int round = 0; round < 2000 / kFewer; ++round) {
    BlockingLane holder(pool);
    ASSERT_TRUE(holder.Acquire(kEndless).ok());
    std::thread other([&] {
      BlockingLane lane(pool);
      EXPECT_TRUE(lane.Acquire(kEndless).ok());
      lane.Release();
    });
    holder.Release();
    other.join();
  }
  EXPECT_EQ(pool->stats().running, 0u);
}

}  // namespace
}  // namespace covey
