#include "server/daemon/heartbeat.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <string>

#include "server/edge/server.h"
#include "tests/core/base/gate.h"

namespace covey {
namespace {

using std::chrono::microseconds;

TEST(HeartbeatTest, NoBeatWhileAnAnswerIsMissing) {
  std::function<void()> late;
  int asked = 0;
  int beats = 0;
  Heartbeat heartbeat(microseconds(0),
                      {[&](std::function<void()> answer) { ++asked, answer(); },
                       [&](std::function<void()> answer) { late = std::move(answer); }},
                      [&] { ++beats; });
  EXPECT_EQ(beats, 0);
  heartbeat.Look();  // nothing was asked yet: alive
  EXPECT_EQ(beats, 1);
  heartbeat.Look();
  heartbeat.Look();
  EXPECT_EQ(beats, 1);
  EXPECT_EQ(asked, 1);  // no second round on top of an unanswered one
  late();
  heartbeat.Look();
  EXPECT_EQ(beats, 2);
  EXPECT_EQ(asked, 2);
}

TEST(HeartbeatTest, AnAnswerMayComeWhenItIsGone) {
  std::function<void()> late;
  {
    Heartbeat heartbeat(microseconds(0), {[&](std::function<void()> answer) { late = std::move(answer); }},
                        [] {});
    heartbeat.Look();
  }
  late();
}

TEST(HeartbeatTest, ItBeatsByItself) {
  Gate five(5);
  std::atomic<int> beats = 0;
  Heartbeat heartbeat(microseconds(100), {[](std::function<void()> answer) { answer(); }}, [&] {
    if (++beats <= 5) five.Open();
  });
  five.Wait();
}

// One of two queues hangs: the other one answers, and yet there is no beat.
TEST(HeartbeatTest, AQueueThatHangsEndsTheBeats) {
  const std::string socket = testing::TempDir() + "heartbeat-" + std::to_string(getpid());
  edge::Server server({.addresses = {"unix:" + socket}, .queues = 2});
  ASSERT_TRUE(server.Start().ok());
  std::atomic<int> answers = 0;
  std::vector<Heartbeat::Probe> parts;
  for (size_t i = 0; i < server.queues(); ++i) {
    parts.push_back([&answers, mailbox = server.mailbox(i)](std::function<void()> answer) {
      mailbox->Post([&answers, answer = std::move(answer)] {
        answer();
        ++answers;
      });
    });
  }
  std::atomic<int> beats = 0;
  Heartbeat heartbeat(microseconds(0), parts, [&] { ++beats; });
  const auto await = [&](int count) {
    const auto until = std::chrono::steady_clock::now() + kTestPatience;
    while (answers < count && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    ASSERT_EQ(answers, count);
  };

  Gate stuck, release;
  server.mailbox(1)->Post([&] {
    stuck.Open();
    release.Wait();
  });
  stuck.Wait();
  heartbeat.Look();  // asks both
  EXPECT_EQ(beats, 1);
  await(1);  // that of the queue which works
  heartbeat.Look();
  EXPECT_EQ(beats, 1);
  release.Open();
  await(2);
  heartbeat.Look();
  EXPECT_EQ(beats, 2);
  await(4);
  server.Shutdown(std::chrono::milliseconds(0));
  std::filesystem::remove(socket);
}

}  // namespace
}  // namespace covey
