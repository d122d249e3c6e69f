#include "covey/closer.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/core/base/gate.h"

namespace covey {
namespace {

TEST(Closer, CloseCancelsAndReturnsTheStatus) {
  Closer closer([](const Context& context) {
    context.Wait();
    return Status::Error("stopped: " + std::string(context.cause().message()), 5);
  });
  const Status status = closer.Close();
  EXPECT_EQ(status.message(), "stopped: closed");
  EXPECT_EQ(status.failure().code, 5);
  EXPECT_TRUE(Is(closer.Close(), Rejection::kClosed));
}

TEST(Closer, ARunnerThatHasEndedKeepsItsStatus) {
  Closer closer([](const Context&) { return Status::Error("early"); });
  ASSERT_TRUE(Eventually([&] { return closer.ended(); }));
  EXPECT_EQ(closer.Close().message(), "early");
}

TEST(Closer, OneOfManyClosesGetsTheStatus) {
  Closer closer([](const Context& context) {
    context.Wait();
    return Status::Error("the status");
  });
  std::atomic<int> statuses = 0;
  std::atomic<int> closed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 50; ++i) {
    threads.emplace_back([&] { ++(Is(closer.Close(), Rejection::kClosed) ? closed : statuses); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(statuses, 1);
  EXPECT_EQ(closed, 49);
}

TEST(Closer, DestructionCloses) {
  bool ended = false;
  {
    Closer closer([&](const Context& context) {
      context.Wait();
      ended = true;
      return Status::Ok();
    });
  }
  EXPECT_TRUE(ended);
}

TEST(Closer, AParentsEndReachesTheRunner) {
  const Context parent = Context::Background().WithCancel();
  Closer closer(
      [](const Context& context) {
        context.Wait();
        return context.cause();
      },
      Closer::Options{.context = parent});
  parent.Cancel({.kind = FailureKind::kCancelled, .message = "the parent"});
  ASSERT_TRUE(Eventually([&] { return closer.ended(); }));
  EXPECT_EQ(closer.Close().message(), "the parent");
}

TEST(Closer, APanicIsAFailure) {
  Closer closer([](const Context&) -> Status { throw std::runtime_error("oh"); });
  ASSERT_TRUE(Eventually([&] { return closer.ended(); }));
  EXPECT_EQ(closer.Close().kind(), FailureKind::kPanic);
}

TEST(Closer, OnAClosedPoolItDoesNotRun) {
  const auto pool = Pool::New(1);
  EXPECT_TRUE(pool->Close().ok());
  Closer closer(
      [](const Context&) {
        ADD_FAILURE();
        return Status::Ok();
      },
      Closer::Options{.pool = pool});
  EXPECT_TRUE(Is(closer.Close(), Rejection::kClosed));
}

TEST(WaitCloser, CloseWaitsWithoutCancelling) {
  Gate go_on;
  WaitCloser closer([&](const Context& context) {
    go_on.Wait();
    return context.done() ? Status::Error("cancelled") : Status::Ok();
  });
  std::thread opener([&] { go_on.Open(); });
  EXPECT_TRUE(closer.Close().ok());
  EXPECT_TRUE(Is(closer.Close(), Rejection::kClosed));
  opener.join();
}

}  // namespace
}  // namespace covey
