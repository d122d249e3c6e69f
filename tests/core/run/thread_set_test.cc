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
    ++tries_;
    if (!available_) throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
    return std::thread(std::move(loop));
  }

  std::atomic<bool> available_ = true;
  std::atomic<int> tries_ = 0;
  const std::shared_ptr<TimerQueue> timers_ = TimerQueue::Manual();
  const std::shared_ptr<ThreadSet> set_ = std::make_shared<ThreadSet>(
      std::chrono::hours(1), timers_, [this](std::function<void()> loop) { return Start(std::move(loop)); });
};

// Whoever hands work over has his own to do: the engine's thread, that of a queue.
TEST_F(Threads, WithoutAnyTheWorkWaitsForAThreadNotOnTheCallers) {
  available_ = false;
  Gate ran;
  std::atomic<std::thread::id> ran_on;
  set_->Run([&] { ran_on = std::this_thread::get_id(), ran.Open(); }, 4);
  EXPECT_EQ(set_->stats().waiting, 1u);
  timers_->AdvanceBy(10 * ThreadSet::kLongestPatience);
  EXPECT_EQ(set_->stats().waiting, 1u) << "there is still none";
  EXPECT_EQ(tries_, 1 + 7 + 8) << "ever more rarely: 2, 4, … 128 ms after the last one";
  available_ = true;
  timers_->AdvanceBy(ThreadSet::kLongestPatience);
  ran.Wait();
  EXPECT_NE(ran_on.load(), std::this_thread::get_id());
  EXPECT_EQ(set_->stats().threads, 1u);
  set_->Stop();
}

TEST_F(Threads, WhatFoundNoneIsCarriedOutAtTheEnd) {
  available_ = false;
  bool ran = false;
  set_->Run([&] { ran = true; }, 4);
  EXPECT_FALSE(ran);
  set_->Stop();
  EXPECT_TRUE(ran);
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
  timers_->AdvanceBy(4 * ThreadSet::kPatience);
  ran.Wait();
  EXPECT_EQ(set_->stats().threads, 2u);
  set_->Stop();  // before the gates go
}

TEST_F(Threads, ASetMayHaveABound) {
  const auto bounded = std::make_shared<ThreadSet>(std::chrono::hours(1), timers_, nullptr, /*most=*/2);
  Gate busy[2];
  Gate over;
  std::atomic<int> ran = 0;
  for (Gate& each : busy) bounded->Run([&] { each.Open(), over.Wait(); }, 4);
  for (Gate& each : busy) each.Wait();
  for (int i = 0; i < 5; ++i) bounded->Run([&] { ++ran; }, 4);
  timers_->AdvanceBy(std::chrono::seconds(1));
  EXPECT_EQ(bounded->stats().threads, 2u);
  EXPECT_EQ(bounded->stats().waiting, 5u);
  over.Open();
  bounded->Stop();
  EXPECT_EQ(ran, 5);
}

}  // namespace
}  // namespace covey
