#include "core/output/subscriber.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <latch>

namespace covey {
namespace {

// Race: cancel while a call is under way on another thread.
TEST(Subscriber, CancelWaitsForACallOnAnotherThread) {
  std::latch entered(1);
  std::latch leave(1);
  std::atomic<bool> left = false;
  Subscriber subscriber([&](uint32_t, uint32_t, OutputStream) {
    entered.count_down();
    leave.wait();
    left = true;
  });
  std::thread caller([&] { subscriber.Call(0, 1, OutputStream::kStdout); });
  entered.wait();
  std::thread canceller([&] {
    subscriber.Cancel();
    EXPECT_TRUE(left);
  });
  leave.count_down();
  canceller.join();
  caller.join();
  subscriber.Call(0, 1, OutputStream::kStdout);  // would count the latch below zero
}

TEST(Subscriber, ACallMayCancelItsOwn) {
  int calls = 0;
  std::function<void()> cancel;
  Subscriber subscriber([&](uint32_t, uint32_t, OutputStream) {
    ++calls;
    cancel();
  });
  cancel = [&] { subscriber.Cancel(); };
  subscriber.Call(0, 1, OutputStream::kStdout);
  subscriber.Call(0, 1, OutputStream::kStdout);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace covey
