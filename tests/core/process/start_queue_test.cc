#include "core/process/start_queue.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>

namespace covey {
namespace {

using std::chrono::milliseconds;

class StartQueueTest : public ::testing::Test {
 protected:
  std::shared_ptr<Supervised> Push() {
    auto process = std::make_shared<Supervised>();
    process->id = ++last_id_;
    queue_.Push(process);
    return process;
  }
  // The id of the next one; 0: none.
  ProcessId Pop(StartQueue& queue) {
    const auto process = queue.Pop(now_);
    if (process == nullptr) return 0;
    process->phase = Supervised::Phase::kSpawning;
    return process->id;
  }
  bool PutBack(const std::shared_ptr<Supervised>& process, Shortage shortage) {
    process->phase = Supervised::Phase::kQueued;
    return queue_.PutBack(process, shortage, now_);
  }

  ProcessId last_id_ = 0;
  StartQueue::Clock::time_point now_ = StartQueue::Clock::time_point(std::chrono::hours(1));
  StartQueue queue_{0};
};

TEST_F(StartQueueTest, FirstComeFirstServedWithoutWhatIsCancelled) {
  Push();
  Push()->phase = Supervised::Phase::kCancelled;
  Push();
  EXPECT_EQ(Pop(queue_), 1u);
  EXPECT_EQ(Pop(queue_), 3u);
  EXPECT_EQ(Pop(queue_), 0u);
  EXPECT_EQ(queue_.NextDue(), std::nullopt);
}

TEST_F(StartQueueTest, AShortageOfAllPausesTheQueueLongerAndLonger) {
  const auto first = Push();
  Push();
  milliseconds pause(10);
  for (int round = 0; round < 10; ++round) {
    EXPECT_EQ(Pop(queue_), 1u);
    EXPECT_EQ(PutBack(first, Shortage::kOfAll), round == 0) << "told once";
    EXPECT_EQ(queue_.NextDue(), now_ + pause);
    EXPECT_EQ(Pop(queue_), 0u);
    now_ += pause;
    pause = std::min(2 * pause, milliseconds(1000));
  }
  EXPECT_EQ(pause, milliseconds(1000));
  EXPECT_EQ(Pop(queue_), 1u);
  EXPECT_FALSE(queue_.Started()) << "another waits";
  EXPECT_EQ(Pop(queue_), 2u);
  EXPECT_TRUE(queue_.Started());
  EXPECT_FALSE(queue_.Started());
}

TEST_F(StartQueueTest, NewsComeAtMostEveryTenSeconds) {
  const auto process = Push();
  for (int round = 0; round < 25; ++round) {
    EXPECT_EQ(Pop(queue_), 1u);
    EXPECT_EQ(PutBack(process, Shortage::kOfAll), round % 10 == 0) << round;
    now_ += std::chrono::seconds(1);
    EXPECT_EQ(Pop(queue_), 1u);
    EXPECT_EQ(queue_.Started(), round % 10 == 0) << round;
    // As if it had not been started after all.
    process->phase = Supervised::Phase::kQueued;
    queue_.Ended();
    queue_.Push(process);
  }
}

TEST_F(StartQueueTest, AnEndMayHaveGivenBackWhatWasMissing) {
  const auto first = Push();
  EXPECT_EQ(Pop(queue_), 1u);
  Push();
  EXPECT_EQ(Pop(queue_), 2u);
  PutBack(first, Shortage::kOfAll);
  EXPECT_EQ(Pop(queue_), 0u);
  queue_.Ended();
  EXPECT_EQ(Pop(queue_), 1u);
}

TEST_F(StartQueueTest, AShortageOfItsOwnHoldsUpNobodyElse) {
  const auto first = Push();
  Push();
  EXPECT_EQ(Pop(queue_), 1u);
  EXPECT_FALSE(PutBack(first, Shortage::kOfItsOwn));
  EXPECT_EQ(Pop(queue_), 2u);
  EXPECT_EQ(Pop(queue_), 0u);
  EXPECT_EQ(queue_.NextDue(), now_ + milliseconds(10));
  now_ += milliseconds(10);
  EXPECT_EQ(Pop(queue_), 1u);
  PutBack(first, Shortage::kOfItsOwn);
  EXPECT_EQ(queue_.NextDue(), now_ + milliseconds(20));
}

TEST_F(StartQueueTest, SoManyAtOnceAtMost) {
  StartQueue queue(2);
  for (int i = 1; i <= 4; ++i) {
    auto process = std::make_shared<Supervised>();
    process->id = static_cast<ProcessId>(i);
    queue.Push(process);
  }
  EXPECT_EQ(Pop(queue), 1u);
  const auto second = queue.Pop(now_);
  EXPECT_EQ(Pop(queue), 0u);
  EXPECT_EQ(queue.NextDue(), std::nullopt) << "an end alone can change it";
  queue.Ended();
  EXPECT_EQ(Pop(queue), 3u);
  // Put back, it has no place any more.
  queue.PutBack(second, Shortage::kOfItsOwn, now_);
  EXPECT_EQ(Pop(queue), 4u);
}

}  // namespace
}  // namespace covey
