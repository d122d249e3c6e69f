#include "core/run/thread_set.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

#include "tests/core/base/gate.h"

namespace covey {
namespace {

// A system that may have no thread to give.
class Threads : public testing::Test {
 protected:
  ~Threads() override { set_->Stop(); }

  std::thread Start(std::function<void()> loop) {
    if (!available_) throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
    return std::thread(std::move(loop));
  }

  std::atomic<bool> available_ = true;
  const std::shared_ptr<TimerQueue> timers_ = TimerQueue::Manual();
  const std::shared_ptr<ThreadSet> set_ = std::make_shared<ThreadSet>(
      std::chrono::hours(1), timers_, [this](std::function<void()> loop) { return Start(std::move(loop)); });
};

TEST_F(Threads, WithoutAnyTheWorkRunsOnTheCallers) {
  available_ = false;
  std::thread::id ran_on;
  set_->Run([&] { ran_on = std::this_thread::get_id(); }, 4);
  EXPECT_EQ(ran_on, std::this_thread::get_id());
  EXPECT_EQ(set_->stats().threads, 0u);
}

// The thread that is there waits for the work that found none: it must not depend on that thread.
TEST_F(Threads, AStartThatFailedIsTriedAgain) {
  Gate busy;
  Gate ran;
  set_->Run([&] { busy.Open(), ran.Wait(); }, 4);
  busy.Wait();
  available_ = false;
  set_->Run([&] { ran.Open(); }, 4);
  EXPECT_EQ(set_->stats().waiting, 1u);
  timers_->AdvanceBy(2 * ThreadSet::kPatience);
  EXPECT_EQ(set_->stats().waiting, 1u) << "there is still none";
  available_ = true;
  timers_->AdvanceBy(2 * ThreadSet::kPatience);
  ran.Wait();
  EXPECT_EQ(set_->stats().threads, 2u);
  set_->Stop();  // before the gates go
}

}  // namespace
}  // namespace covey
