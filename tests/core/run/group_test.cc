#include "covey/group.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "covey/timer_queue.h"
#include "tests/core/base/gate.h"
#include "tests/core/run/group_testing.h"

namespace covey {
namespace {

using std::chrono::seconds;

TEST(Group, ThePlainFormSucceedsWhenEmpty) {
  Group group;
  EXPECT_TRUE(group.Wait().ok());
}

TEST(Group, ContradictingOptionsDecideItFromTheStart) {
  Group group({.policy = Policy::kAny, .max_failures = 2});
  EXPECT_EQ(group.Go(Succeed).kind(), FailureKind::kRejected);
  EXPECT_EQ(group.Wait().message(),
            "max_failures goes with policy ALL alone and must be 0 with any other, got 2");
}

TEST(Group, ABlockedGoIsNotOvertakenByTheSeal) {
  const auto pool = Pool::New(1);
  for (int round = 0; round < 200 / kFewer; ++round) {
    Group group({.pool = pool});
    Gate go_on;
    std::atomic<bool> ran = false;
    ASSERT_TRUE(group.Go([&](const Context&) { return go_on.Wait(), Status::Ok(); }).ok());
    std::thread goer(
        [&] { EXPECT_TRUE(group.Go([&](const Context&) { return ran = true, Status::Ok(); }).ok()); });
    ASSERT_TRUE(Eventually([&] { return pool->stats().waiting == 1; }));
    std::thread opener([&] { go_on.Open(); });
    EXPECT_TRUE(group.Wait().ok());
    EXPECT_TRUE(ran);
    goer.join();
    opener.join();
  }
}

TEST(Group, ManyThreadsWaitForTheSameOutcome) {
  Group group;
  Gate go_on;
  ASSERT_TRUE(group.Go([&](const Context& context) { return go_on.Wait(), Fail(context); }, "f").ok());
  std::vector<std::thread> threads;
  for (int i = 0; i < 50; ++i) threads.emplace_back([&] { EXPECT_EQ(group.Wait().failure().task, "f"); });
  go_on.Open();
  for (std::thread& thread : threads) thread.join();
}

TEST(Group, FiftyThreadsFailAndCancelAndOneDecisionStands) {
  for (int round = 0; round < 20 / kFewer; ++round) {
    Group group;
    Gate start(50);
    std::vector<std::thread> threads;
    for (int i = 0; i < 50; ++i) {
      threads.emplace_back([&, i] {
        start.OpenAndWait();
        if (i % 2 == 0) {
          group.Cancel({.message = "cancel " + std::to_string(i)});
        } else {
          static_cast<void>(group.Go(Fail, "task " + std::to_string(i)));
        }
      });
    }
    const Status first = group.Wait();
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(group.Wait().ToString(), first.ToString());
  }
}

TEST(Group, AParentsEndCancelsIt) {
  const Context parent = Context::Background().WithCancel();
  Group group({.context = parent});
  ASSERT_TRUE(group.Go(Linger).ok());
  parent.Cancel({.kind = FailureKind::kTimeout, .message = "late"});
  const Status status = group.Wait();
  EXPECT_EQ(status.kind(), FailureKind::kCancelled) << "not the failure of the task that it ended";
  EXPECT_EQ(status.message(), "the parent has ended: timeout: late");

  Group born_late({.context = parent});
  EXPECT_EQ(born_late.Go(Succeed).kind(), FailureKind::kCancelled);
}

TEST(Group, ATaskThatEndsTheContextCancelsTheGroup) {
  Group group;
  ASSERT_TRUE(group
                  .Go([](const Context& context) {
                    context.Cancel({.kind = FailureKind::kCancelled, .message = "by a task"});
                    return Status::Ok();
                  })
                  .ok());
  EXPECT_EQ(group.Wait().message(), "by a task");
}

TEST(Group, ATimeoutIsAFailureOfThatKindAndTasksSeeTheDeadline) {
  const auto timers = TimerQueue::Manual();
  Group group({.timeout = seconds(10), .timers = timers});
  Gate running;
  ASSERT_TRUE(group
                  .Go([&](const Context& context) {
                    EXPECT_EQ(context.remaining(), seconds(10));
                    running.Open();
                    return Linger(context);
                  })
                  .ok());
  running.Wait();
  timers->AdvanceBy(seconds(10));
  const Status status = group.Wait();
  EXPECT_EQ(status.kind(), FailureKind::kTimeout);
  EXPECT_EQ(status.message(), "the group's timeout of 10000 ms has passed");
  EXPECT_EQ(group.counts().stopped, 1u);
}

TEST(Group, ATimeoutThatIsNotReachedLeavesNoTimer) {
  const auto timers = TimerQueue::Manual();
  {
    Group group({.timeout = seconds(10), .timers = timers});
    EXPECT_TRUE(group.Wait().ok());
  }
  EXPECT_EQ(timers->pending(), 0u);
}

TEST(Group, PanicsAreFailures) {
  Group group;
  ASSERT_TRUE(group.Go([](const Context&) -> Status { throw std::logic_error("odd"); }, "p").ok());
  EXPECT_EQ(group.Wait().ToString(), "task p: panic: std::logic_error: odd");
}

TEST(GroupDeathTest, WithoutRecoverAPanicEndsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        Group group({.recover = false});
        static_cast<void>(group.Go([](const Context&) -> Status { throw std::logic_error("odd"); }));
        static_cast<void>(group.Wait());
      },
      "std::logic_error");
}

TEST(Group, LogsEveryStartAndStopWithoutALock) {
  Mutex mutex;
  std::vector<std::string> lines;
  Group* self = nullptr;
  {
    Group group({.log =
                     [&](const LogInfo& info) {
                       static_cast<void>(self->counts());  // would hang if a lock were held
                       MutexLock lock(mutex);
                       lines.push_back(std::string(info.runner) +
                                       (info.what == LogInfo::What::kStart ? " start" : " exit ") +
                                       (info.what == LogInfo::What::kStart ? "" : info.failure.ToString()));
                     },
                 .limit = 1});
    self = &group;
    ASSERT_TRUE(group.Go(Succeed, "a").ok());
    ASSERT_TRUE(group.GoAsync(std::make_shared<Dropper>()).ok());
    EXPECT_FALSE(group.Wait().ok());
  }
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0], "a start");
  EXPECT_EQ(lines[1], "a exit OK");
  EXPECT_EQ(lines[2], "covey::Dropper start");
  EXPECT_EQ(lines[3], "covey::Dropper exit error: the runner dropped `done` without calling it");
}

TEST(Group, AnAsyncRunnerThatThrowsInStartHasFailed) {
  struct Throws final : AsyncRunner {
    void Start(const Context&, std::function<void(Status)>) override { throw std::runtime_error("no"); }
  };
  Group group;
  ASSERT_TRUE(group.GoAsync(std::make_shared<Throws>(), "t").ok());
  EXPECT_EQ(group.Wait().ToString(), "task t: panic: std::runtime_error: no");
}

TEST(Group, DestructionCancelsAndWaits) {
  std::atomic<bool> ended = false;
  {
    Group group;
    ASSERT_TRUE(group
                    .Go([&](const Context& context) {
                      context.Wait();
                      ended = true;
                      return Status::Ok();
                    })
                    .ok());
  }
  EXPECT_TRUE(ended);
}

TEST(Group, WhatATaskHoldsEndsBeforeWaitReturns) {
  for (int i = 0; i < 200; ++i) {
    const auto held = std::make_shared<int>(1);
    Group group;
    ASSERT_TRUE(group.Go([held](const Context&) { return Status::Ok(); }).ok());
    EXPECT_TRUE(group.Wait().ok());
    ASSERT_EQ(held.use_count(), 1);
  }
}

TEST(Group, ALimitChangesWhileRunning) {
  const auto pool = Pool::New(8);
  Group group({.pool = pool, .limit = 1});
  Gate go_on;
  ASSERT_TRUE(group.Go([&](const Context&) { return go_on.Wait(), Status::Ok(); }).ok());
  std::thread raiser([&] {
    EXPECT_TRUE(Eventually([&] { return pool->stats().waiting == 1; }));
    group.SetLimit(2);
  });
  EXPECT_TRUE(group.Go(Succeed).ok());
  raiser.join();
  go_on.Open();
  EXPECT_TRUE(group.Wait().ok());
}

TEST(Group, UnboundedTasksThatWaitForEachOtherGoOn) {
  Group group;
  constexpr int kTasks = 30 + 170 / kFewer;
  Gate all(kTasks);
  for (int i = 0; i < kTasks; ++i) {
    ASSERT_TRUE(group.Go([&](const Context&) { return all.OpenAndWait(), Status::Ok(); }).ok());
  }
  EXPECT_TRUE(group.Wait().ok());
}

}  // namespace
}  // namespace covey
