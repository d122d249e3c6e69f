#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "covey/group.h"
#include "tests/core/base/gate.h"
#include "tests/core/run/group_testing.h"

namespace covey {
namespace {

// Every promise on every size of pool; with 1 slot, tasks must not need each other.
class GroupOnPool : public testing::TestWithParam<uint32_t> {
 protected:
  void TearDown() override {
    const Pool::Stats stats = pool_->stats();
    EXPECT_EQ(stats.running, 0u) << "Wait returned before everything had stopped";
    EXPECT_EQ(stats.waiting, 0u);
    EXPECT_TRUE(pool_->Close().ok());
    std::weak_ptr<Pool> weak = pool_;
    pool_ = nullptr;
    EXPECT_TRUE(Eventually([&] { return weak.expired(); })) << "somebody holds the pool";
  }
  Group::Options OnPool(Policy policy = Policy::kAll, uint32_t max_failures = 0) {
    return {.pool = pool_, .policy = policy, .max_failures = max_failures};
  }

  std::shared_ptr<Pool> pool_ = Pool::New(GetParam());
};

TEST_P(GroupOnPool, RunsEverything) {
  Group group(OnPool());
  std::atomic<int> ran = 0;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(group.Go([&](const Context&) { return ++ran, Status::Ok(); }).ok());
  }
  EXPECT_TRUE(group.Wait().ok());
  EXPECT_EQ(ran, 1000);
  EXPECT_EQ(group.counts().succeeded, 1000u);
  EXPECT_TRUE(group.Wait().ok()) << "again";
  EXPECT_TRUE(Is(group.Go(Succeed), Rejection::kSealed));
}

TEST_P(GroupOnPool, TheFirstFailureDecidesAndEndsTheOthers) {
  Group group(OnPool());
  Gate running;
  if (GetParam() != 1) {
    ASSERT_TRUE(group.Go([&](const Context& context) { return running.Open(), Linger(context); }).ok());
    running.Wait();
  }
  ASSERT_TRUE(group.Go(Fail, "broken").ok());
  const Status status = group.Wait();
  EXPECT_EQ(status.ToString(), "task broken: error 3: failed");
  EXPECT_EQ(status.failure().attempt, 1u);
  EXPECT_EQ(group.context().cause().failure().task, "broken");
  EXPECT_EQ(group.Go(Succeed).failure().task, "broken") << "a Go after the failure returns it";
  EXPECT_EQ(group.counts().failed, 1u);
}

TEST_P(GroupOnPool, CancelEndsEveryTaskAndKeepsItsCause) {
  Group group(OnPool());
  ASSERT_TRUE(group.Go(Linger).ok());
  group.Cancel({.kind = FailureKind::kError, .message = "enough"});
  group.Cancel({.message = "too late"});
  const Status status = group.Wait();
  EXPECT_EQ(status.kind(), FailureKind::kCancelled);
  EXPECT_EQ(status.message(), "enough");
  EXPECT_EQ(group.Go(Succeed).message(), "enough");
}

TEST_P(GroupOnPool, TasksGoFurtherTasksWhileSomebodyWaits) {
  if (GetParam() == 1) GTEST_SKIP() << "a task that holds the only slot cannot wait for another";
  Group group({.pool = pool_, .limit = 0});
  std::atomic<int> ran = 0;
  // One at a time, each starts the next: the seal must not fall in between.
  std::function<Status(int)> next = [&](int left) {
    ++ran;
    return left == 0 ? Status::Ok() : group.Go([&, left](const Context&) { return next(left - 1); });
  };
  ASSERT_TRUE(group.Go([&](const Context&) { return next(500); }).ok());
  EXPECT_TRUE(group.Wait().ok());
  EXPECT_EQ(ran, 501);
}

TEST_P(GroupOnPool, ABlockedGoReturnsTheFailureAtOnce) {
  Group group({.pool = pool_, .limit = 1});
  Gate go_on;
  ASSERT_TRUE(group.Go([&](const Context& context) { return go_on.Wait(), Fail(context); }, "first").ok());
  std::thread opener([&] {
    EXPECT_TRUE(Eventually([&] { return pool_->stats().waiting == 1; }));
    go_on.Open();
  });
  std::atomic<bool> ran = false;
  EXPECT_EQ(group.Go([&](const Context&) { return ran = true, Status::Ok(); }).failure().task, "first");
  opener.join();
  EXPECT_FALSE(group.Wait().ok());
  EXPECT_FALSE(ran) << "after a failure the next does not start";
}

TEST_P(GroupOnPool, ABlockedGoReturnsTheCancelWhileTheTaskStillRuns) {
  Group group({.pool = pool_, .limit = 1});
  Gate go_on;
  ASSERT_TRUE(group.Go([&](const Context&) { return go_on.Wait(), Status::Ok(); }).ok());
  std::thread canceller([&] {
    EXPECT_TRUE(Eventually([&] { return pool_->stats().waiting == 1; }));
    group.Cancel({.message = "stop"});
  });
  EXPECT_EQ(group.Go(Succeed).message(), "stop");
  canceller.join();
  go_on.Open();
  EXPECT_EQ(group.Wait().message(), "stop");
  EXPECT_EQ(group.counts().succeeded, 1u) << "recorded, and changes nothing";
}

TEST_P(GroupOnPool, AllSettledRunsEverythingAndFails) {
  Group group(OnPool(Policy::kAllSettled));
  ASSERT_TRUE(group.Go(Fail, "a").ok());
  std::atomic<bool> ran = false;
  ASSERT_TRUE(group.Go([&](const Context&) { return ran = true, Status::Ok(); }, "b").ok());
  ASSERT_TRUE(group.Go(Fail, "c").ok());
  const Status status = group.Wait();
  EXPECT_TRUE(ran);
  EXPECT_EQ(group.failures().size(), 2u);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.failure().task, group.failures()[0].task);
}

TEST_P(GroupOnPool, AnyEndsWithTheFirstSuccess) {
  Group group(OnPool(Policy::kAny));
  if (GetParam() != 1) {
    ASSERT_TRUE(group.Go(Linger).ok());
  }
  ASSERT_TRUE(group.Go(Fail).ok());
  ASSERT_TRUE(group.Go(Succeed).ok());
  EXPECT_TRUE(Eventually([&] { return group.context().done(); }));
  EXPECT_TRUE(Is(group.Go(Succeed), Rejection::kDecided));
  EXPECT_TRUE(group.Wait().ok());
}

TEST_P(GroupOnPool, AnyFailsWhenNoneSucceeded) {
  Group group(OnPool(Policy::kAny));
  ASSERT_TRUE(group.Go(Fail, "a").ok());
  EXPECT_EQ(group.Wait().failure().task, "a");
  Group empty(OnPool(Policy::kAny));
  EXPECT_EQ(empty.Wait().message().substr(0, 8), "no tasks");
}

TEST_P(GroupOnPool, MaxFailuresAreForgivenAndListed) {
  Group forgiving(OnPool(Policy::kAll, 2));
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(forgiving.Go(Fail).ok());
  ASSERT_TRUE(forgiving.Go(Succeed).ok());
  EXPECT_TRUE(forgiving.Wait().ok());
  EXPECT_EQ(forgiving.failures().size(), 2u);

  Group group(OnPool(Policy::kAll, 1));
  Status last = Status::Ok();
  for (int i = 0; i < 100 && last.ok(); ++i) last = group.Go(Fail);
  EXPECT_FALSE(group.Wait().ok());
  EXPECT_EQ(group.failures().size(), 2u);
}

TEST_P(GroupOnPool, ARefusalByAClosedPoolDoesNotHangWait) {
  const auto pool = Pool::New(GetParam());
  Group group({.pool = pool});
  EXPECT_TRUE(pool->Close().ok());
  EXPECT_TRUE(Is(group.Go(Succeed), Rejection::kClosed));
  EXPECT_TRUE(Is(group.GoAsync(std::make_shared<Held>()), Rejection::kClosed));
  EXPECT_TRUE(Is(group.Wait(), Rejection::kClosed)) << "the task that nobody took";
}

TEST_P(GroupOnPool, ARefusalByAPoolThatClosesReleasesAnArmedWait) {
  const auto pool = Pool::New(1);
  Group group({.pool = pool});
  Group holder({.pool = pool});
  Gate go_on;
  ASSERT_TRUE(holder.Go([&](const Context&) { return go_on.Wait(), Status::Ok(); }).ok());
  std::thread goer([&] { EXPECT_TRUE(Is(group.Go(Succeed), Rejection::kClosed)); });
  ASSERT_TRUE(Eventually([&] { return pool->stats().waiting == 1; }));
  std::thread waiter([&] { EXPECT_TRUE(Is(group.Wait(), Rejection::kClosed)); });
  std::thread closer([&] { EXPECT_TRUE(pool->Close().ok()); });
  waiter.join();
  goer.join();
  go_on.Open();
  closer.join();
}

TEST_P(GroupOnPool, AsynchronousTasksHoldASlotAndNoThread) {
  Group group(OnPool());
  const size_t count = GetParam() == 0 ? 100 : GetParam();
  std::vector<std::shared_ptr<Held>> held;
  for (size_t i = 0; i < count; ++i) {
    held.push_back(std::make_shared<Held>());
    ASSERT_TRUE(group.GoAsync(held.back(), "held").ok());
  }
  EXPECT_EQ(pool_->stats().running, count);
  EXPECT_EQ(pool_->stats().threads, 0u);
  for (const auto& runner : held) {
    const auto done = runner->Take();
    done(Status::Ok());
    done(Status::Error("only the first call counts"));
  }
  EXPECT_TRUE(group.Wait().ok());
}

TEST_P(GroupOnPool, FailureRacesGoRacesWait) {
  for (int round = 0; round < 100 / kFewer; ++round) {
    std::atomic<int> admitted = 0;
    std::atomic<int> ran = 0;
    {
      Group group(OnPool());
      Gate start(6);
      std::vector<std::thread> threads;
      for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
          start.OpenAndWait();
          for (int i = 0; i < 10; ++i) {
            if (group.Go([&](const Context&) { return ++ran, Status::Ok(); }).ok()) ++admitted;
          }
        });
      }
      threads.emplace_back([&] {
        start.OpenAndWait();
        if (group.Go(Fail, "f").ok()) {
          EXPECT_EQ(group.Wait().failure().task, "f");
        }
      });
      start.OpenAndWait();
      static_cast<void>(group.Wait());
      for (std::thread& thread : threads) thread.join();
    }
    ASSERT_EQ(ran, admitted);
  }
}

INSTANTIATE_TEST_SUITE_P(Max, GroupOnPool, testing::Values(0, 1, 2, 4, 8, 64));

}  // namespace
}  // namespace covey
