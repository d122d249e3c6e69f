#include "core/process/event_loop.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

#include "tests/core/base/gate.h"
#include "tests/core/process/process_testing.h"

namespace covey {
namespace {

// Knows no tree, and never needs the loop to wake by itself: whoever wakes it must have meant to.
class NoTrees : public TreeTracker {
 public:
  bool Prepare(Tree&) override { return true; }
  void Started(Tree&) override {}
  void Abandon(Tree&) override {}
  bool Stop(Tree&, int) override { return true; }
  bool Kill(Tree&) override { return true; }
  Sweep SweepLeftovers(Tree&, Leftovers) override { return {.gone = true}; }
  void Release(Tree&) override {}
  std::string Describe() const override { return "none"; }
};

class NeverStarted : public ProcessListener {
 public:
  explicit NeverStarted(Gate* gone) : gone_(gone) {}
  void OnStarted(pid_t) override { ADD_FAILURE(); }
  void OnOutput(OutputStream, std::string_view) override { ADD_FAILURE(); }
  void OnStopDelivered(int) override { ADD_FAILURE(); }
  void OnKilled() override { ADD_FAILURE(); }
  void OnGone(const ProcessResult& result) override {
    EXPECT_EQ(result.kind, ProcessResult::Kind::kCancelled);
    gone_->Open();
  }

 private:
  Gate* const gone_;
};

std::shared_ptr<Supervised> Unstarted(Gate* gone) {
  auto process = std::make_shared<Supervised>();
  process->spec = std::make_shared<ProcessSpec>();
  process->listener = std::make_shared<NeverStarted>(gone);
  return process;
}

// What a system without memory for its events would give: they come as soon as they can be had.
TEST(EventLoop, WatchesLateWhatCannotBeWatchedAtOnce) {
  NoTrees tracker;
  EventLoop loop(&tracker, [](const EventLoop::Batch&) {});
  ASSERT_TRUE(loop.Open().ok());
  std::thread runner([&] { loop.Run(); });
  int fds[2];
  ASSERT_EQ(::pipe(fds), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    char byte = 0;
    ::_exit(::read(fds[0], &byte, 1) == 1 ? 7 : 8);
  }
  ASSERT_GT(child, 0);
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
  ASSERT_GE(pidfd, 0);
  // A number that is not open yet.
  constexpr int kNumber = 900;
  auto process = std::make_shared<Supervised>();
  auto listener = std::make_shared<testing::Recorder>();
  process->spec = std::make_shared<ProcessSpec>();
  process->listener = listener;
  process->tree.root = child;
  process->child.pidfd.Reset(kNumber);
  listener->OnStarted(child);
  loop.Watch(process);
  Gate obeyed;
  loop.Post(EventLoop::Order::kCancelled, Unstarted(&obeyed));
  obeyed.Wait();
  EXPECT_EQ(listener->gone_calls(), 0);
  // By a system call: ThreadSanitizer knows nothing of an order that the kernel keeps.
  ASSERT_EQ(::syscall(SYS_dup3, pidfd, kNumber, O_CLOEXEC), kNumber);
  ASSERT_EQ(::write(fds[1], "x", 1), 1);
  ASSERT_TRUE(listener->WaitGone());
  EXPECT_EQ(listener->result().kind, ProcessResult::Kind::kExited);
  EXPECT_EQ(listener->result().code, 7);
  loop.Quit();
  runner.join();
  for (const int fd : {pidfd, fds[0], fds[1]}) ::close(fd);
}

// A loop that sleeps through its Quit sleeps for ever: nothing else would wake this one.
TEST(EventLoop, QuitsWhereverItStands) {
  for (int round = 0; round < 3000 / kFewer; ++round) {
    NoTrees tracker;
    Gate gone;
    Gate ended;
    EventLoop loop(&tracker, [](const EventLoop::Batch&) {});
    ASSERT_TRUE(loop.Open().ok());
    std::thread runner([&] {
      loop.Run();
      ended.Open();
    });
    loop.Post(EventLoop::Order::kCancelled, Unstarted(&gone));
    gone.Wait();
    loop.Quit();
    ended.Wait();
    runner.join();
  }
}

TEST(EventLoop, EveryOrderIsCarriedOut) {
  constexpr int kPosters = 4;
  constexpr int kOrders = 2000 / kFewer;
  NoTrees tracker;
  EventLoop loop(&tracker, [](const EventLoop::Batch&) {});
  ASSERT_TRUE(loop.Open().ok());
  std::thread runner([&] { loop.Run(); });
  std::vector<std::thread> posters;
  for (int p = 0; p < kPosters; ++p) {
    posters.emplace_back([&] {
      // Each only after the one before: the loop is about to sleep whenever one comes.
      for (int i = 0; i < kOrders; ++i) {
        Gate gone;
        loop.Post(EventLoop::Order::kCancelled, Unstarted(&gone));
        gone.Wait();
      }
    });
  }
  for (std::thread& poster : posters) poster.join();
  loop.Quit();
  runner.join();
}

}  // namespace
}  // namespace covey
