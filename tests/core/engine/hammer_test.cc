// Many threads at one engine, with functions that really run. For sanitizers above all.

#include <gtest/gtest.h>

#include <latch>
#include <random>
#include <thread>

#include "core/executor/function_executor.h"
#include "tests/support/engine_world.h"

namespace covey::testing {
namespace {

constexpr int kThreads = 50;
constexpr int kRounds = 6;

TEST(HammerTest, ManyThreadsLoseNothing) {
  World world(8);
  auto registry = std::make_shared<FunctionRegistry>();
  registry->Register("scripted", [](const Context&, FunctionCall&) { return Status::Ok(); });
  world.functions = std::make_shared<FunctionExecutor>(registry);
  world.timers = TimerQueue::Default();
  world.answers = AnswerQueue::Runs::kOnAThread;
  world.resident_groups = 20;  // so that groups leave and come back meanwhile
  ASSERT_FALSE(world.Open());

  std::atomic<int> completed = 0;
  std::latch start(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      start.arrive_and_wait();
      for (int round = 0; round < kRounds; ++round) {
        const std::string id = "g" + std::to_string(t) + "." + std::to_string(round);
        const auto group =
            world.Make(random() % 5, false, {.id = id, .limit = static_cast<uint32_t>(1 + random() % 3)});
        const bool cancel = random() % 4 == 0;
        for (int batch = 0; batch < 3; ++batch) {
          const auto reply = Get(world.Submit(group, World::Tasks(random() % 10)));
          EXPECT_TRUE(reply.ok());
        }
        (void)world.Find("g" + std::to_string(random() % kThreads) + "." + std::to_string(round));
        if (cancel) {
          EXPECT_FALSE(Get(world.Cancel(group)));
        }
        EXPECT_FALSE(Get(world.Seal(group)));
        auto over = std::make_shared<std::promise<void>>();
        auto future = over->get_future();
        group->Wait([over] { over->set_value(); });
        ASSERT_EQ(future.wait_for(kPatience), std::future_status::ready);
        const auto view = group->View();
        EXPECT_TRUE(view.state.completed);
        EXPECT_EQ(view.state.outcome, cancel ? state::Outcome::kCancelled : state::Outcome::kSucceeded);
        EXPECT_EQ(view.state.submitted, view.state.succeeded + view.state.stopped);
        EXPECT_EQ(world.CheckLog(group), "");
        ++completed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(completed, kThreads * kRounds);
  // The last grants may still be given back when the last group is over.
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while ((world.engine().counts().running_tasks > 0 || world.engine().counts().queued_tasks > 0) &&
         std::chrono::steady_clock::now() < until) {
    std::this_thread::yield();
  }
  EXPECT_EQ(world.engine().counts().running_tasks, 0u);
  EXPECT_EQ(world.engine().counts().queued_tasks, 0u);
}

}  // namespace
}  // namespace covey::testing
