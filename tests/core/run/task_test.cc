// What a group takes as a task, and what its handles say.

#include "covey/task.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "covey/group.h"
#include "covey/timer_queue.h"
#include "tests/core/base/gate.h"
#include "tests/core/run/group_testing.h"

namespace covey {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Status PlainFunction() { return Status::Error("plain"); }

struct Robot {
  void Beep() { ++beeps; }
  Status Walk(const Context& context) { return context.done() ? Status::Error("late") : Status::Ok(); }
  int Answer() const { return 42; }

  std::atomic<int> beeps = 0;
};

TEST(Task, IsOfEveryNaturalShape) {
  Group group;
  std::atomic<int> ran = 0;
  group.Go([&] { ++ran; });
  group.Go([&](const Context&) { ++ran; });
  group.Go([&] { return ++ran, Status::Ok(); });
  group.Go([&](const Context&) { return ++ran, Status::Ok(); });
  group.Go([&](Context context) {
    ran += context.done() ? 0 : 1;
  });  // NOLINT(performance-unnecessary-value-param)
  auto value = group.Go([&] { return ++ran, std::string("text"); });
  auto result = group.Go([&](const Context&) { return ++ran, Result<int>(7); });
  Robot robot;
  group.Go(&Robot::Beep, &robot);
  group.Go(&Robot::Walk, &robot);
  auto answer = group.Go(&Robot::Answer, &robot);
  auto owned = std::make_unique<int>(5);
  auto moved = group.Go([owned = std::move(owned)] { return *owned; }, "moved");
  EXPECT_TRUE(group.Wait().ok());
  EXPECT_EQ(ran, 7);
  EXPECT_EQ(robot.beeps, 1);
  EXPECT_EQ(value.value(), "text");
  EXPECT_EQ(result.value(), 7);
  EXPECT_EQ(answer.value(), 42);
  EXPECT_EQ(moved.value(), 5);
}

TEST(Task, AResultThatHasNoneIsAFailure) {
  Group group;
  auto result = group.Go([]() -> Result<int> {
    return Error{.code = ErrorCode::kNotFound, .reason = "GONE", .message = "no such thing"};
  });
  EXPECT_EQ(group.Wait().message(), "GONE: no such thing");
  EXPECT_EQ(result.Wait().ToString(), "task 0: error 1: GONE: no such thing");
  group.Reopen();
  group.Go(&PlainFunction);
  EXPECT_EQ(group.Wait().message(), "plain");
}

TEST(Group, OptionsAreNamedInAnyOrder) {
  const auto pool = Pool::New(2);
  const Context parent = Context::Background().WithCancel();
  Group group(Under{parent}, Policy::kAllSettled, Limit{1}, On{pool}, Recover::kRethrow, Within{seconds(60)},
              KeepAll{}, MaxWaiting{3});
  group.Go([] { throw std::logic_error("x"); });
  EXPECT_THROW(static_cast<void>(group.Wait()), std::logic_error);
  Group plain(MaxFailures{1});
  plain.Go([] { return Status::Error("forgiven"); });
  EXPECT_TRUE(plain.Wait().ok());
}

TEST(Task, ALargeCallableIsKeptToo) {
  Group group;
  std::array<char, 500> large{};
  large[499] = 'x';
  auto last = group.Go([large] { return large[499]; });
  EXPECT_TRUE(group.Wait().ok());
  EXPECT_EQ(last.value(), 'x');
}

TEST(Task, TheHandleOutlivesTheGroup) {
  Task<int> task;
  {
    Group group;
    task = group.Go([] { return 3; });
    EXPECT_TRUE(group.Wait().ok());
  }
  EXPECT_TRUE(task.ended());
  EXPECT_EQ(task.value(), 3);
}

TEST(Task, ItsWaitKnowsItAlone) {
  Group group({.policy = Policy::kAllSettled});
  Gate go_on;
  group.Go([&] { go_on.Wait(); });
  auto failed = group.Go([] { return Status::Error("alone", 4); }, "f");
  EXPECT_EQ(failed.Wait().ToString(), "task f: error 4: alone");
  auto open = group.Go([&] { go_on.Wait(); });
  EXPECT_FALSE(open.WaitFor(milliseconds(1)));
  EXPECT_FALSE(open.ended());
  go_on.Open();
  EXPECT_TRUE(open.Wait().ok());
}

TEST(Task, CancelEndsItAloneWhateverItReturns) {
  Group group({.policy = Policy::kAllSettled});
  auto one = group.Go([](const Context& context) { context.Wait(); });
  auto other = group.Go([] { return 1; });
  one.Cancel({.message = "enough"});
  EXPECT_EQ(one.Wait().kind(), FailureKind::kCancelled);
  EXPECT_EQ(one.Wait().message(), "enough");
  EXPECT_EQ(other.value(), 1);
  EXPECT_FALSE(group.context().done()) << "the group goes on";
  EXPECT_FALSE(group.Wait().ok());
}

TEST(Task, OneThatWasCancelledBeforeItsStartDoesNotStart) {
  const auto timers = TimerQueue::Manual();  // stands still, so the pool has one thread
  const auto pool = Pool::New({.timers = timers});
  Gate inside;
  Gate go_on;
  bool ran = false;
  Group group({.pool = pool, .policy = Policy::kAllSettled});
  group.Go([&] { inside.Open(), go_on.Wait(); });
  inside.Wait();
  auto queued = group.Go([&] { ran = true; });
  queued.Cancel();
  go_on.Open();
  EXPECT_EQ(group.Wait().kind(), FailureKind::kCancelled);
  EXPECT_FALSE(ran);
}

TEST(Task, ATimeoutIsItsOwn) {
  const auto timers = TimerQueue::Manual();
  Group group({.policy = Policy::kAllSettled, .timers = timers});
  Gate started;
  TaskOptions options("slow");
  options.timeout = seconds(5);
  auto slow = group.Go([&](const Context& context) { started.Open(), context.Wait(); }, options);
  started.Wait();
  timers->AdvanceBy(seconds(5));
  EXPECT_EQ(slow.Wait().ToString(), "task slow: timeout: the task's timeout of 5000 ms has passed");
  EXPECT_EQ(group.Wait().kind(), FailureKind::kTimeout);
}

TEST(Task, ARefusedOneIsWhatWaitReturns) {
  const auto pool = Pool::New(1);
  EXPECT_TRUE(pool->Close().ok());
  Group group({.pool = pool});
  auto refused = group.Go([] { return 1; });
  EXPECT_FALSE(refused.ok());
  EXPECT_TRUE(refused.ended());
  EXPECT_TRUE(Is(refused.Wait(), Rejection::kClosed));
  EXPECT_TRUE(Is(group.Wait(), Rejection::kClosed));
}

TEST(Task, TryGoAndGoUntilSayAtOnceThatNoSlotIsFree) {
  const auto pool = Pool::New(1);
  Group group({.pool = pool});
  Gate go_on;
  EXPECT_TRUE(group.TryGo([&] { go_on.Wait(); }).ok());
  EXPECT_TRUE(Is(group.TryGo([] {}), Rejection::kDispatchTimeout));
  TaskOptions soon;
  soon.start_by = Context::Clock::now() + milliseconds(1);
  EXPECT_TRUE(Is(group.Go([] {}, soon), Rejection::kDispatchTimeout));
  go_on.Open();
  EXPECT_TRUE(group.Wait().ok()) << "who asks knows";
  EXPECT_TRUE(Is(group.TryGo([] {}), Rejection::kSealed));
}

TEST(Task, WhatWaitsForASlotHasABound) {
  const auto pool = Pool::New(1);
  Group group({.pool = pool, .max_waiting = 1});
  Gate go_on;
  group.Go([&] { go_on.Wait(); });
  std::thread waits([&] { EXPECT_TRUE(group.Go([] {}).ok()); });
  ASSERT_TRUE(Eventually([&] { return pool->stats().waiting == 1; }));
  EXPECT_EQ(group.Go([] {}).message(), "max_waiting is 1, and so many calls of Go wait for a slot");
  go_on.Open();
  waits.join();
  EXPECT_FALSE(group.Wait().ok());
}

TEST(Group, StartReturnsWhenTheTaskSaysSo) {
  Group group(Policy::kAllSettled);
  std::atomic<bool> listening = false;
  EXPECT_TRUE(group
                  .Start([&](const Context& context, const std::function<void()>& ready) {
                    listening = true;
                    ready();
                    context.Wait();
                  })
                  .ok());
  EXPECT_TRUE(listening);
  EXPECT_EQ(group.Start([](const Context&, const std::function<void()>&) { return Status::Error("in use"); })
                .message(),
            "in use");
  EXPECT_EQ(group.Start([](const Context&, const std::function<void()>&) {}).message(),
            "the task has ended before it was ready");
  group.Cancel();
  EXPECT_FALSE(group.Wait().ok());
}

TEST(Group, WaitForGivesUpAndLeavesTheGroupAsItWas) {
  Group group;
  Gate go_on;
  group.Go([&] { go_on.Wait(); });
  EXPECT_EQ(group.WaitFor(milliseconds(1)), std::nullopt);
  const Context patience = Context::Background().WithCancel();
  patience.Cancel();
  EXPECT_EQ(group.Wait(patience), std::nullopt);
  go_on.Open();
  ASSERT_TRUE(Eventually([&] { return group.counts().succeeded == 1; }));
  EXPECT_TRUE(group.Go([] {}).ok()) << "nobody waits: the seal has not fallen";
  EXPECT_TRUE(group.WaitFor(seconds::max()).value().ok());
}

TEST(Group, ReopenMakesItNew) {
  Group group;
  EXPECT_FALSE(group.Reopen()) << "it is not over";
  group.Go([] { return Status::Error("first"); });
  EXPECT_FALSE(group.Wait().ok());
  EXPECT_TRUE(group.context().done());
  ASSERT_TRUE(group.Reopen());
  EXPECT_FALSE(group.context().done());
  auto task = group.Go([] { return 1; });
  EXPECT_TRUE(group.Wait().ok());
  EXPECT_EQ(task.value(), 1);
  EXPECT_EQ(group.counts().started, 1u);
  EXPECT_TRUE(group.failures().empty());
}

TEST(Group, KeepsAllErrorsOfThoseThatTheFirstStopped) {
  Group group({.keep_all = true});
  Gate both(2);
  Gate first_decided;
  group.Go([&] { return both.OpenAndWait(), first_decided.Wait(), Status::Error("second"); });
  group.Go([&] { return both.OpenAndWait(), Status::Error("first"); });
  ASSERT_TRUE(Eventually([&] { return group.context().done(); }));
  first_decided.Open();
  EXPECT_EQ(group.Wait().message(), "first");
  ASSERT_EQ(group.failures().size(), 2u);
  EXPECT_EQ(group.failures()[1].message, "second");
}

TEST(Group, APanicAfterTheDecisionIsTold) {
  Group group;
  Gate inside;
  group.Go([&](const Context& context) -> Status {
    inside.Open();
    context.Wait();
    throw std::runtime_error("while it stops");
  });
  inside.Wait();
  group.Cancel();
  EXPECT_EQ(group.Wait().kind(), FailureKind::kCancelled);
  ASSERT_EQ(group.failures().size(), 1u);
  EXPECT_EQ(group.failures()[0].message, "std::runtime_error: while it stops");
}

TEST(Group, ThrowsTheExceptionItselfWhenAsked) {
  Group group({.rethrow = true});
  group.Go([] { throw std::out_of_range("7 of 5"); });
  EXPECT_THROW(static_cast<void>(group.Wait()), std::out_of_range);
}

TEST(Group, ANestedFailureKeepsTheInnerName) {
  Group outer;
  outer.Go(
      [](const Context& context) {
        Group inner({.context = context});
        inner.Go([] { return Status::Error("deep"); }, "inner");
        return inner.Wait();
      },
      "outer");
  EXPECT_EQ(outer.Wait().ToString(), "task outer/inner: error: deep");
}

TEST(Group, LogsWhatWasRefusedAndHowLongThingsTook) {
  std::vector<std::string> lines;
  {
    Group group({.log = [&](const LogInfo& info) {
      if (info.what == LogInfo::What::kRefused) lines.push_back(std::string(info.runner));
      EXPECT_GE(info.took.count(), 0);
      EXPECT_GE(info.waited.count(), 0);
    }});
    EXPECT_TRUE(group.Wait().ok());
    group.Go([] {}, "late");
  }
  EXPECT_EQ(lines, std::vector<std::string>{"late"});
}

TEST(Group, WaitInATaskOfItsOwnIsAFailure) {
  Group group;
  auto self = group.Go([&] { return group.Wait(); });
  EXPECT_EQ(group.Wait().message(), "a task waits for its own group: it would wait for itself for ever");
}

TEST(GroupDeathTest, OneThatIsDestroyedByItsOwnTaskEndsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        auto* group = new Group();
        group->Go([group] { delete group; });
        Gate().Wait();
      },
      "destroyed by one of its own tasks");
}

TEST(Group, AGoThatNothingCouldServeIsNoticed) {
  // Without NDEBUG, or with COVEY_CHECK_DEADLOCK=1.
  ::setenv("COVEY_CHECK_DEADLOCK", "1", 1);
  const auto pool = Pool::New(2);
  Group group({.pool = pool});
  Gate both(2);
  for (int i = 0; i < 2; ++i) {
    group.Go([&]() -> Status {
      both.OpenAndWait();
      return group.Go([] {});
    });
  }
  EXPECT_NE(group.Wait().message().find("deadlock: each of the 2 tasks"), std::string::npos);
}

TEST(Group, AGoInsideAFullGroupIsNoticed) {
  ::setenv("COVEY_CHECK_DEADLOCK", "1", 1);
  Group group(Limit{1});
  group.Go([&]() -> Status { return group.Go([] {}); });
  EXPECT_NE(group.Wait().message().find("deadlock: each of the 1 tasks"), std::string::npos);
}

TEST(Group, AThreadThatWaitsRunsTasksThatHoldASlot) {
  const auto timers = TimerQueue::Manual();  // stands still, so the pool has one thread
  const auto pool = Pool::New({.timers = timers});
  Gate inside;
  Gate go_on;
  Group other({.pool = pool});
  other.Go([&] { inside.Open(), go_on.Wait(); });
  inside.Wait();
  Group group({.pool = pool});
  auto here = group.Go([] { return std::this_thread::get_id(); });
  EXPECT_TRUE(group.Wait().ok());
  EXPECT_EQ(here.value(), std::this_thread::get_id());
  go_on.Open();
}

TEST(Group, TasksRunOnThreadsWithHooksAlone) {
  std::atomic<int> started = 0;
  std::atomic<int> stopped = 0;
  {
    const auto pool = Pool::New({.thread_name = "robots",
                                 .on_thread_start = [&] { ++started; },
                                 .on_thread_stop = [&] { ++stopped; }});
    Group group({.pool = pool});
    for (int i = 0; i < 100; ++i) {
      group.Go([&] {
        char name[16] = {};
        pthread_getname_np(pthread_self(), name, sizeof name);
        return std::string(name) == "robots" ? Status::Ok() : Status::Error(name);
      });
    }
    EXPECT_TRUE(group.Wait().ok());
    EXPECT_GE(started, 1);
  }
  EXPECT_EQ(started, stopped);
}

}  // namespace
}  // namespace covey
