#include "covey/context.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "covey/timer_queue.h"
#include "tests/core/base/gate.h"

namespace covey {
namespace {

using std::chrono::seconds;

TEST(Context, BackgroundNeverEnds) {
  const Context background = Context::Background();
  EXPECT_FALSE(background.done());
  EXPECT_TRUE(background.cause().ok());
  EXPECT_FALSE(background.deadline());
  EXPECT_FALSE(background.remaining());
}

TEST(Context, TheFirstCauseWins) {
  const Context context = Context::Background().WithCancel();
  EXPECT_TRUE(context.Cancel({.kind = FailureKind::kCancelled, .message = "first"}));
  EXPECT_FALSE(context.Cancel({.kind = FailureKind::kCancelled, .message = "second"}));
  EXPECT_EQ(context.cause().message(), "first");
}

TEST(Context, ChildrenTakeOverTheCause) {
  const Context parent = Context::Background().WithCancel();
  const Context child = parent.WithCancel();
  const Context grandchild = child.WithTimeout(seconds(3600));
  const Context sibling = parent.WithCancel();
  EXPECT_TRUE(sibling.Cancel({.kind = FailureKind::kCancelled, .message = "its own"}));
  EXPECT_FALSE(parent.done());
  EXPECT_TRUE(parent.Cancel({.kind = FailureKind::kError, .code = 7, .message = "why"}));
  EXPECT_EQ(grandchild.cause().message(), "why");
  EXPECT_EQ(grandchild.cause().failure().code, 7);
  EXPECT_EQ(sibling.cause().message(), "its own");
  EXPECT_EQ(parent.WithCancel().cause().message(), "why") << "born late";
}

TEST(Context, ADeadlineIsACauseOfKindTimeout) {
  const auto timers = TimerQueue::Manual();
  const Context context = Context::Background().WithTimeout(seconds(10), timers);
  const Context child = context.WithTimeout(seconds(60));
  const Context plain = context.WithCancel();
  EXPECT_EQ(child.deadline(), context.deadline()) << "the earlier one counts";
  timers->AdvanceBy(seconds(4));
  EXPECT_EQ(context.remaining(), seconds(6));
  EXPECT_EQ(plain.remaining(), seconds(6)) << "by the clock of its parent";
  timers->AdvanceBy(seconds(6));
  EXPECT_EQ(context.cause().kind(), FailureKind::kTimeout);
  EXPECT_EQ(child.cause().kind(), FailureKind::kTimeout);
  EXPECT_EQ(plain.remaining(), seconds(0));
}

TEST(Context, ADeadlineThatHasPassedEndsItAtOnce) {
  EXPECT_TRUE(Context::Background().WithTimeout(seconds(0)).done());
  EXPECT_FALSE(Context::Background().WithTimeout(std::chrono::nanoseconds::max()).done());
}

TEST(Context, DroppedContextsLeaveNoTimer) {
  const auto timers = TimerQueue::Manual();
  { const Context context = Context::Background().WithTimeout(seconds(1), timers); }
  EXPECT_EQ(timers->pending(), 0u);
}

TEST(Context, AnOwnedOneShowsItsDeadlineAndEndsByItsOwnerAlone) {
  const auto timers = TimerQueue::Manual();
  const Context context = Context::Owned(timers->Now() + seconds(1), timers);
  EXPECT_EQ(context.remaining(), seconds(1));
  timers->AdvanceBy(seconds(2));
  EXPECT_FALSE(context.done());
  context.Cancel();
  EXPECT_TRUE(context.done());
}

TEST(Context, AHundredThousandChildren) {
  const Context parent = Context::Background().WithCancel();
  std::vector<Context> children;
  for (int i = 0; i < 100000; ++i) children.push_back(parent.WithCancel());
  for (int i = 0; i < 50000; ++i) children.pop_back();
  parent.Cancel();
  for (const Context& child : children) ASSERT_TRUE(child.done());
}

TEST(OnDone, IsCalledOnceOrAtOnce) {
  const Context context = Context::Background().WithCancel();
  int calls = 0;
  const auto registration = context.OnDone([&] { ++calls; });
  EXPECT_EQ(calls, 0);
  context.Cancel();
  context.Cancel();
  EXPECT_EQ(calls, 1);
  const auto late = context.OnDone([&] { ++calls; });
  EXPECT_EQ(calls, 2);
}

TEST(OnDone, IsNotCalledOnceWithdrawn) {
  const Context context = Context::Background().WithCancel();
  auto registration = context.OnDone([] { ADD_FAILURE(); });
  registration.Reset();
  context.Cancel();
}

TEST(OnDone, WithdrawingWaitsForACallUnderWay) {
  const Context context = Context::Background().WithCancel();
  Gate inside;
  Gate go_on;
  std::atomic<bool> returned = false;
  std::optional<Context::Registration> registration = context.OnDone([&] {
    inside.Open();
    go_on.Wait();
    returned = true;
  });
  std::thread canceller([&] { context.Cancel(); });
  inside.Wait();
  std::thread opener([&] { go_on.Open(); });
  registration.reset();
  EXPECT_TRUE(returned);
  canceller.join();
  opener.join();
}

TEST(OnDone, MayWithdrawItself) {
  const Context context = Context::Background().WithCancel();
  Context::Registration registration;
  registration = context.OnDone([&] { registration.Reset(); });
  context.Cancel();
}

TEST(Context, CancelRacesTheLastHandleOfAChild) {
  for (int i = 0; i < 2000; ++i) {
    const Context parent = Context::Background().WithCancel();
    auto child = std::make_unique<Context>(parent.WithCancel());
    Gate start(2);
    std::thread canceller([&] {
      start.OpenAndWait();
      parent.Cancel();
    });
    start.OpenAndWait();
    child.reset();
    canceller.join();
  }
}

TEST(Context, WaitEndsWithTheContext) {
  const Context context = Context::Background().WithCancel();
  EXPECT_FALSE(context.WaitFor(std::chrono::milliseconds(1)));
  std::thread canceller([&] { context.Cancel(); });
  context.Wait();
  EXPECT_TRUE(context.WaitFor(kTestPatience));
  canceller.join();
}

}  // namespace
}  // namespace covey
