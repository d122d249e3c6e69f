#include "core/engine/answer_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

namespace covey {
namespace {

constexpr std::chrono::seconds kPatience{30};

TEST(AnswerQueueTest, RunsInOrderOnAnotherThreadAfterAFlush) {
  AnswerQueue queue(AnswerQueue::Runs::kOnAThread);
  std::vector<int> order;
  std::promise<std::thread::id> done;
  for (int i = 0; i < 100; ++i) queue.Post([&order, i] { order.push_back(i); });
  queue.Post([&] { done.set_value(std::this_thread::get_id()); });
  auto future = done.get_future();
  EXPECT_EQ(future.wait_for(std::chrono::milliseconds(0)), std::future_status::timeout);
  queue.Flush();
  ASSERT_EQ(future.wait_for(kPatience), std::future_status::ready);
  EXPECT_NE(future.get(), std::this_thread::get_id());
  ASSERT_EQ(order.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(AnswerQueueTest, ManyThreadsLoseNothing) {
  std::atomic<int> ran = 0;
  {
    AnswerQueue queue(AnswerQueue::Runs::kOnAThread);
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i) {
          queue.Post([&] { ++ran; });
          if (i % 3 == 0) queue.Flush();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }  // what was posted and not flushed runs at the end
  EXPECT_EQ(ran, 8000);
}

TEST(AnswerQueueTest, WorkMayEndTheQueue) {
  auto queue = std::make_shared<AnswerQueue>(AnswerQueue::Runs::kOnAThread);
  std::promise<void> done;
  auto future = done.get_future();
  AnswerQueue& alive = *queue;
  std::promise<void> last;
  auto released = last.get_future();
  alive.Post([held = queue, &done, &released]() mutable {
    released.wait();  // the other owner has gone
    held = nullptr;
    done.set_value();
  });
  alive.Flush();
  queue = nullptr;
  last.set_value();
  EXPECT_EQ(future.wait_for(kPatience), std::future_status::ready);
}

TEST(AnswerQueueTest, NothingIsUnderWayAfterAStopAndWhatComesLaterRunsWhereItIsFlushed) {
  AnswerQueue queue(AnswerQueue::Runs::kOnAThread);
  std::promise<void> go;
  std::atomic<bool> over = false;
  queue.Post([&, may_end = go.get_future().share()] {
    may_end.wait();
    over = true;
  });
  queue.Flush();
  std::thread opener([&] { go.set_value(); });
  queue.Stop();
  EXPECT_TRUE(over);
  opener.join();
  std::thread::id where;
  queue.Post([&] { where = std::this_thread::get_id(); });
  queue.Flush();
  EXPECT_EQ(where, std::this_thread::get_id());
  queue.Stop();
}

TEST(AnswerQueueTest, OnFlushWorkThatIsPostedFromWithinRunsAfterwards) {
  AnswerQueue queue(AnswerQueue::Runs::kOnFlush);
  std::vector<int> order;
  queue.Post([&] {
    queue.Post([&] { order.push_back(3); });
    queue.Flush();
    order.push_back(1);
  });
  queue.Post([&] { order.push_back(2); });
  queue.Flush();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

}  // namespace
}  // namespace covey
