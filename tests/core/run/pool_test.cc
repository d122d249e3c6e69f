#include "covey/pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "core/run/lane.h"
#include "tests/core/base/gate.h"
#include "tests/core/run/lane_testing.h"

namespace covey {
namespace {

using std::chrono::seconds;

const Context kForever = Context::Background();

// Waits at the end of its scope for the tasks that use what was declared before it. (To let go of a pool does
// not: a task holds on to it.)
class ScopedPool {
 public:
  explicit ScopedPool(Pool::Options options) : pool_(Pool::New(std::move(options))) {}
  explicit ScopedPool(uint32_t max) : pool_(Pool::New(max)) {}
  ~ScopedPool() { static_cast<void>(pool_->Close()); }
  ScopedPool(const ScopedPool&) = delete;
  ScopedPool& operator=(const ScopedPool&) = delete;

  Pool* operator->() const { return pool_.get(); }

 private:
  const std::shared_ptr<Pool> pool_;
};

class PoolOfSize : public testing::TestWithParam<uint32_t> {
 protected:
  void TearDown() override {
    EXPECT_TRUE(pool_->Close().ok());
    const Pool::Stats stats = pool_->stats();
    EXPECT_EQ(stats.running, 0u);
    EXPECT_EQ(stats.waiting, 0u);
    std::weak_ptr<Pool> weak = pool_;
    pool_ = nullptr;
    EXPECT_TRUE(Eventually([&] { return weak.expired(); })) << "somebody holds the pool";
  }
  uint32_t max() const { return GetParam(); }

  std::shared_ptr<Pool> pool_ = Pool::New(GetParam());
};

TEST_P(PoolOfSize, RunsEveryTaskAndNeverMoreThanMax) {
  std::atomic<uint32_t> running = 0;
  std::atomic<uint32_t> most = 0;
  std::atomic<int> ran = 0;
  for (int i = 0; i < 2000; ++i) {
    ASSERT_TRUE(pool_
                    ->Go(kForever,
                         [&] {
                           const uint32_t now = ++running;
                           for (uint32_t seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
                           }
                           ++ran;
                           --running;
                         })
                    .ok());
  }
  ASSERT_TRUE(Eventually([&] { return ran == 2000; }));
  if (max() != 0) {
    EXPECT_LE(most, max());
  }
}

TEST_P(PoolOfSize, ManyThreadsSubmit) {
  std::atomic<int> ran = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 50; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 40; ++i) EXPECT_TRUE(pool_->Go(kForever, [&] { ++ran; }).ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(Eventually([&] { return ran == 2000; }));
}

TEST_P(PoolOfSize, CloseWaitsForWhatRunsAndRefusesTheRest) {
  Gate inside;
  Gate go_on;
  std::atomic<bool> ended = false;
  ASSERT_TRUE(pool_
                  ->Go(kForever,
                       [&] {
                         inside.Open();
                         go_on.Wait();
                         ended = true;
                       })
                  .ok());
  inside.Wait();
  auto pool = std::exchange(pool_, Pool::New(1));
  std::thread closer([&] {
    EXPECT_TRUE(pool->Close().ok());
    EXPECT_TRUE(ended);
    EXPECT_EQ(pool->stats().running, 0u);
  });
  ASSERT_TRUE(Eventually([&] { return pool->stats().closed; }));
  EXPECT_TRUE(Is(pool->Go(kForever, [] { ADD_FAILURE(); }), Rejection::kClosed));
  std::thread second([&] {
    EXPECT_TRUE(Is(pool->Close(), Rejection::kClosed));
    EXPECT_TRUE(ended) << "it waits too";
  });
  EXPECT_EQ(pool->CloseFor(std::chrono::milliseconds(1)), std::nullopt);
  go_on.Open();
  closer.join();
  second.join();
  EXPECT_EQ(pool->stats().threads, 0u);
}

TEST_P(PoolOfSize, CloseRacesGo) {
  for (int round = 0; round < 100 / kFewer; ++round) {
    const auto pool = Pool::New(max());
    std::atomic<int> admitted = 0;
    std::atomic<int> ran = 0;
    Gate start(5);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        start.OpenAndWait();
        for (;;) {
          const Status status = pool->Go(kForever, [&] { ++ran; });
          if (!status.ok()) {
            EXPECT_TRUE(Is(status, Rejection::kClosed));
            return;
          }
          ++admitted;
        }
      });
    }
    start.OpenAndWait();
    EXPECT_TRUE(pool->Close().ok());
    const int ran_at_close = ran;
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(ran, ran_at_close) << "nothing runs after Close";
    EXPECT_EQ(ran, admitted);
  }
}

INSTANTIATE_TEST_SUITE_P(Max, PoolOfSize, testing::Values(0, 1, 2, 4, 8, 64));

// A full pool whose threads never leave: a task starts when a slot is free, not when a thread has left.
TEST(Pool, TheNinthTaskStartsWhenASlotIsFree) {
  Gate busy(8);
  Gate go_on;
  Gate ninth;
  const ScopedPool pool({.max = 8, .idle_time = std::chrono::hours(1)});
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(pool->Go(kForever, [&] { busy.Open(), go_on.Wait(); }).ok());
  }
  busy.Wait();
  EXPECT_EQ(pool->stats().threads, 8u);
  std::thread opener([&] {
    EXPECT_TRUE(Eventually([&] { return pool->stats().waiting == 1; }));
    go_on.Open();
  });
  ASSERT_TRUE(pool->Go(kForever, [&] { ninth.Open(); }).ok());
  ninth.Wait();
  EXPECT_GE(pool->stats().threads, 8u) << "no thread has left";
  opener.join();
}

TEST(Pool, GoGivesUpWithItsContext) {
  Gate go_on;
  const ScopedPool pool(1);
  ASSERT_TRUE(pool->Go(kForever, [&] { go_on.Wait(); }).ok());
  const Context context = kForever.WithCancel();
  std::thread canceller([&] {
    EXPECT_TRUE(Eventually([&] { return pool->stats().waiting == 1; }));
    context.Cancel();
  });
  EXPECT_TRUE(Is(pool->Go(context, [] { ADD_FAILURE(); }), Rejection::kDispatchTimeout));
  EXPECT_TRUE(Is(pool->Go(context, [] { ADD_FAILURE(); }), Rejection::kDispatchTimeout)) << "over already";
  canceller.join();
  EXPECT_EQ(pool->stats().waiting, 0u);
  go_on.Open();
}

TEST(Pool, CancelRacesTheGrant) {
  for (int round = 0; round < 1000 / kFewer; ++round) {
    Gate go_on;
    std::atomic<int> ran = 0;
    const ScopedPool pool(1);
    ASSERT_TRUE(pool->Go(kForever, [&] { go_on.Wait(); }).ok());
    const Context context = kForever.WithCancel();
    std::thread waiter([&] {
      const Status status = pool->Go(context, [&] { ++ran; });
      EXPECT_TRUE(status.ok() || Is(status, Rejection::kDispatchTimeout));
      EXPECT_TRUE(Eventually([&] { return pool->stats().running == 0; }));
      EXPECT_EQ(ran, status.ok() ? 1 : 0);
    });
    ASSERT_TRUE(Eventually([&] { return pool->stats().waiting == 1; }));
    std::thread canceller([&] { context.Cancel(); });
    go_on.Open();
    canceller.join();
    waiter.join();
  }
}

TEST(Pool, ABlockedGoIsRefusedByClose) {
  Gate go_on;
  const ScopedPool pool(1);
  ASSERT_TRUE(pool->Go(kForever, [&] { go_on.Wait(); }).ok());
  std::thread closer([&] {
    EXPECT_TRUE(Eventually([&] { return pool->stats().waiting == 1; }));
    EXPECT_TRUE(pool->Close().ok());
  });
  EXPECT_TRUE(Is(pool->Go(kForever, [] { ADD_FAILURE(); }), Rejection::kClosed));
  go_on.Open();
  closer.join();
}

TEST(Pool, WithoutABoundTasksThatWaitForEachOtherGoOn) {
  constexpr int kTasks = 30 + 170 / kFewer;
  Gate all(kTasks);
  Gate ended(kTasks);
  const ScopedPool pool(0);
  for (int i = 0; i < kTasks; ++i) {
    ASSERT_TRUE(pool->Go(kForever, [&] { all.OpenAndWait(), ended.Open(); }).ok());
  }
  ended.Wait();
}

TEST(Pool, ThreadsLeaveAfterTheIdleTimeAndAreReusedBefore) {
  const auto pool = Pool::New({.max = 4, .idle_time = std::chrono::hours(1)});
  for (int i = 0; i < 100; ++i) {
    Gate ran;
    ASSERT_TRUE(pool->Go(kForever, [&] { ran.Open(); }).ok());
    ran.Wait();
    ASSERT_TRUE(Eventually([&] { return pool->stats().idle_threads == pool->stats().threads; }));
  }
  EXPECT_EQ(pool->stats().threads, 1u);
  pool->SetIdleTime(std::chrono::milliseconds(1));
  EXPECT_TRUE(Eventually([&] { return pool->stats().threads == 0; }));
}

TEST(Pool, GrowsAndShrinksWhileRunning) {
  const auto pool = Pool::New(1);
  const auto recorder = std::make_shared<Recorder>();
  Lane lane(pool, recorder);
  ASSERT_TRUE(lane.Push(Tickets(10)).ok());
  EXPECT_EQ(recorder->granted().size(), 1u);
  pool->SetMax(4);
  EXPECT_EQ(recorder->granted().size(), 4u) << "growing serves at once";
  pool->SetMax(2);
  EXPECT_EQ(pool->stats().running, 4u) << "shrinking lets running tasks finish";
  lane.Release(2);
  EXPECT_EQ(recorder->granted().size(), 4u);
  lane.Release(1);
  EXPECT_EQ(recorder->granted().size(), 5u);
  pool->SetMax(0);
  EXPECT_EQ(recorder->granted().size(), 10u);
  EXPECT_EQ(lane.running(), 7u);
  lane.Release(7);
}

}  // namespace
}  // namespace covey
