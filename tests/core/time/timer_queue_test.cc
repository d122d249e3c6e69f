#include "covey/timer_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/core/base/gate.h"
#include "tests/core/base/watched_thread.h"

namespace covey {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(ManualTimerQueue, RunsWhatIsDueInOrder) {
  const auto timers = TimerQueue::Manual();
  std::vector<int> order;
  timers->ScheduleAfter(seconds(2), [&] { order.push_back(3); });
  timers->ScheduleAfter(seconds(1), [&] { order.push_back(1); });
  timers->ScheduleAfter(seconds(1), [&] { order.push_back(2); });
  timers->AdvanceBy(milliseconds(999));
  EXPECT_TRUE(order.empty());
  timers->AdvanceBy(milliseconds(1));
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  timers->AdvanceBy(seconds(10));
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(timers->pending(), 0u);
}

TEST(ManualTimerQueue, TimersSetByTimersRunInTheSameStepAtTheirOwnInstant) {
  const auto timers = TimerQueue::Manual();
  const auto start = timers->Now();
  std::vector<TimerQueue::Clock::duration> at;
  timers->ScheduleAfter(
      seconds(1), [&] { timers->ScheduleAfter(seconds(1), [&] { at.push_back(timers->Now() - start); }); });
  timers->AdvanceBy(seconds(5));
  ASSERT_EQ(at.size(), 1u);
  EXPECT_EQ(at[0], seconds(2));
  EXPECT_EQ(timers->Now() - start, seconds(5));
}

TEST(ManualTimerQueue, CancelledTimersDoNotRun) {
  const auto timers = TimerQueue::Manual();
  bool ran = false;
  const auto id = timers->ScheduleAfter(seconds(1), [&] { ran = true; });
  EXPECT_TRUE(timers->Cancel(id));
  EXPECT_FALSE(timers->Cancel(id));
  EXPECT_FALSE(timers->Cancel(TimerQueue::TimerId{}));
  timers->AdvanceBy(seconds(2));
  EXPECT_FALSE(ran);
}

// Uses the queue as it is destroyed, which must not find the queue locked.
class CancelsAtItsEnd {
 public:
  CancelsAtItsEnd(TimerQueue* timers, Gate* ended)
      : timers_(timers), other_(timers->ScheduleAfter(std::chrono::hours(1), [] {})), ended_(ended) {}
  ~CancelsAtItsEnd() {
    EXPECT_TRUE(timers_->Cancel(other_));
    ended_->Open();
  }

 private:
  TimerQueue* const timers_;
  const TimerQueue::TimerId other_;
  Gate* const ended_;
};

TEST(ManualTimerQueue, WhatACallbackHoldsEndsWithoutTheLock) {
  const auto timers = TimerQueue::Manual();
  Gate ended;
  timers->ScheduleAfter(seconds(1), [held = std::make_shared<CancelsAtItsEnd>(timers.get(), &ended)] {});
  std::thread advancer([&] { timers->AdvanceBy(seconds(1)); });
  ended.Wait();
  advancer.join();
}

TEST(TimerQueue, WhatACallbackHoldsEndsWithoutTheLock) {
  TimerQueue timers;
  Gate ended;
  timers.Schedule(TimerQueue::Clock::now(), [held = std::make_shared<CancelsAtItsEnd>(&timers, &ended)] {});
  ended.Wait();
}

TEST(TimerQueue, RunsOnItsOwnThread) {
  TimerQueue timers;
  Gate ran(2);
  const auto caller = std::this_thread::get_id();
  timers.ScheduleAfter(milliseconds(1), [&] {
    EXPECT_NE(std::this_thread::get_id(), caller);
    ran.Open();
  });
  timers.Schedule(TimerQueue::Clock::time_point::min(), [&] { ran.Open(); });
  ran.Wait();
}

TEST(TimerQueue, AnEarlierTimerOvertakesAFarOne) {
  std::atomic<pid_t> thread = 0;
  TimerQueue timers;
  timers.ScheduleAfter(std::chrono::hours(1), [] { ADD_FAILURE(); });
  timers.Schedule(TimerQueue::Clock::now(), [&] { thread = ::gettid(); });
  ASSERT_TRUE(Eventually([&] { return thread != 0 && Asleep(thread); })) << "until the far one";
  Gate ran(1);
  timers.ScheduleAfter(milliseconds(1), [&] { ran.Open(); });
  ran.Wait();
}

// Invariant 2: after Cancel has answered true the callback never runs; otherwise it has run or runs.
TEST(TimerQueue, CancelRacesTheInstant) {
  TimerQueue timers;
  for (int round = 0; round < 2000; ++round) {
    std::atomic<int> ran = 0;
    const auto id = timers.Schedule(TimerQueue::Clock::now(), [&] { ran = 1; });
    const bool cancelled = timers.Cancel(id);
    Gate behind(1);  // callbacks run one at a time and in order, so this one comes after
    timers.Schedule(TimerQueue::Clock::now(), [&] { behind.Open(); });
    behind.Wait();
    ASSERT_EQ(ran, cancelled ? 0 : 1);
  }
}

TEST(TimerQueue, ManyThreadsScheduleAndCancel) {
  constexpr int kThreads = 50;
  TimerQueue timers;
  std::atomic<int> ran = 0;
  std::atomic<int> cancelled = 0;
  Gate start(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      start.OpenAndWait();
      for (int i = 0; i < 100; ++i) {
        const auto id = timers.ScheduleAfter(std::chrono::microseconds(i), [&] { ++ran; });
        if (i % 2 == 0 && timers.Cancel(id)) ++cancelled;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  Gate last(1);
  timers.ScheduleAfter(milliseconds(1), [&] { last.Open(); });
  last.Wait();
  EXPECT_EQ(ran + cancelled, kThreads * 100);
  EXPECT_EQ(timers.pending(), 0u);
}

TEST(TimerQueue, DestructionDropsWhatIsPending) {
  const auto held = std::make_shared<int>(1);
  {
    TimerQueue timers;
    timers.ScheduleAfter(std::chrono::hours(1), [held] { ADD_FAILURE(); });
    EXPECT_EQ(held.use_count(), 2);
  }
  EXPECT_EQ(held.use_count(), 1);
}

// As a context with a deadline does, whose queue goes with it.
TEST(TimerQueue, ACallbackMayHoldTheLastOfTheQueue) {
  Gate ended(1);
  auto timers = std::make_shared<TimerQueue>();
  const std::weak_ptr<TimerQueue> queue = timers;
  TimerQueue* const raw = timers.get();
  const auto pending = std::make_shared<int>(1);
  raw->ScheduleAfter(std::chrono::hours(1), [pending] { ADD_FAILURE(); });
  // Made before: of a lambda that is given to Schedule a copy would live until that returns.
  std::function<void()> last = [held = std::move(timers), &ended, pending]() mutable {
    held = nullptr;
    EXPECT_EQ(pending.use_count(), 2);  // here and outside: what was pending has been dropped
    ended.Open();
  };
  raw->Schedule(TimerQueue::Clock::now(), std::move(last));
  ended.Wait();
  EXPECT_TRUE(queue.expired());
}

TEST(TimerQueue, CallbacksMayUseTheQueue) {
  TimerQueue timers;
  Gate ran(1);
  timers.Schedule(TimerQueue::Clock::now(), [&] {
    const auto id = timers.ScheduleAfter(std::chrono::hours(1), [] {});
    EXPECT_TRUE(timers.Cancel(id));
    timers.Schedule(TimerQueue::Clock::now(), [&] { ran.Open(); });
  });
  ran.Wait();
}

}  // namespace
}  // namespace covey
