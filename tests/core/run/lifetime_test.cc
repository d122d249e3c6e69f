// What must have ended when a slot is free, and when Wait returns.

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <utility>

#include "core/run/lane.h"
#include "covey/group.h"
#include "covey/pool.h"
#include "tests/core/base/gate.h"
#include "tests/core/base/watched_thread.h"

namespace covey {
namespace {

// Reads the slots held as it is destroyed.
class CountsSlotsAtItsEnd {
 public:
  CountsSlotsAtItsEnd(std::shared_ptr<Pool> pool, std::atomic<size_t>* slots, Gate* ended)
      : pool_(std::move(pool)), slots_(slots), ended_(ended) {}
  ~CountsSlotsAtItsEnd() {
    *slots_ = pool_->stats().running;
    ended_->Open();
  }

 private:
  const std::shared_ptr<Pool> pool_;
  std::atomic<size_t>* const slots_;
  Gate* const ended_;
};

TEST(Lifetime, WhatATaskOfAPoolHoldsEndsBeforeItsSlotIsFree) {
  const auto pool = Pool::New(1);
  std::atomic<size_t> slots = 0;
  Gate ended;
  auto held = std::make_shared<CountsSlotsAtItsEnd>(pool, &slots, &ended);
  ASSERT_TRUE(pool->Go(Context::Background(), [held = std::move(held)] {}).ok());
  ended.Wait();
  EXPECT_EQ(slots, 1u);
  EXPECT_TRUE(pool->Close().ok());
}

// Takes a slot after a group, and looks at the group before that can go on.
class LooksAtAGroup final : public LaneOwner {
 public:
  explicit LooksAtAGroup(const Group& group) : group_(group) {}
  void Queue(std::unique_ptr<Lane> lane) {
    lane_ = std::move(lane);
    const uint64_t ticket = 0;
    ASSERT_TRUE(lane_->Push({&ticket, 1}).ok());
  }
  void OnGranted(uint64_t) override {
    ++granted;
    failed = group_.counts().failed;
    told = group_.context().done();
    lane_->Release();
  }

  std::atomic<int> granted = 0;
  std::atomic<uint32_t> failed = 0;
  std::atomic<bool> told = false;

 private:
  const Group& group_;
  std::unique_ptr<Lane> lane_;
};

TEST(Lifetime, TheDecisionComesBeforeTheSlotIsFree) {
  const auto pool = Pool::New(1);
  Group group({.pool = pool});
  const auto next = std::make_shared<LooksAtAGroup>(group);
  Gate go_on;
  ASSERT_TRUE(group
                  .Go([&](const Context&) {
                    go_on.Wait();
                    return Status::Error("failed");
                  })
                  .ok());
  next->Queue(std::make_unique<Lane>(pool, next));
  go_on.Open();
  EXPECT_FALSE(group.Wait().ok());
  ASSERT_EQ(next->granted, 1);
  EXPECT_EQ(next->failed, 1u);
  EXPECT_TRUE(next->told) << "its tasks know of it too";
}

TEST(Lifetime, WaitReturnsAfterTheStartOfAnAsynchronousTaskAlsoWhenThatHasEnded) {
  struct EndsWithinStart final : AsyncRunner {
    void Start(const Context&, std::function<void(Status)> done) override {
      done(Status::Ok());
      inside.Open();
      go_on.Wait();
    }
    Gate inside;
    Gate go_on;
  };
  const auto runner = std::make_shared<EndsWithinStart>();
  Group group;
  std::thread goer([&] { EXPECT_TRUE(group.GoAsync(runner).ok()); });
  runner->inside.Wait();
  {
    const WatchedThread waiter([&] { EXPECT_TRUE(group.Wait().ok()); });
    ASSERT_TRUE(waiter.ComesToRest());
    EXPECT_FALSE(waiter.returned()) << "Start is under way";
    runner->go_on.Open();
  }
  goer.join();
}

TEST(Lifetime, WhatAnAsynchronousRunnerHoldsEndsBeforeWaitReturns) {
  struct Holds final : AsyncRunner {
    Holds(std::shared_ptr<int> what, std::function<void(Status)>* done) : held(std::move(what)), out(done) {}
    void Start(const Context&, std::function<void(Status)> done) override { *out = std::move(done); }
    const std::shared_ptr<int> held;
    std::function<void(Status)>* const out;
  };
  const auto held = std::make_shared<int>(1);
  std::function<void(Status)> done;  // is kept, and keeps nothing of the task
  Group group;
  ASSERT_TRUE(group.GoAsync(std::make_shared<Holds>(held, &done)).ok());
  EXPECT_EQ(held.use_count(), 2);
  done(Status::Ok());
  EXPECT_TRUE(group.Wait().ok());
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace covey
