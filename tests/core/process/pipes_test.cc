// Output: a listener without room, and what outlives the root.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "core/base/unique_fd.h"
#include "tests/core/process/process_testing.h"

namespace covey::testing {
namespace {

class PipesTest : public SupervisorTest {};

INSTANTIATE_TEST_SUITE_P(Modes, PipesTest, ::testing::Values(Mode::kCgroup, Mode::kSubreaper), ModeName);

// Takes so many bytes of stdout as the test allows.
class Narrow : public Recorder {
 public:
  size_t OutputRoom(ProcessId, OutputStream stream) override {
    if (stream == OutputStream::kStderr) return SIZE_MAX;
    MutexLock lock(mutex_);
    if (room_ == 0) ++refused_;
    return room_;
  }
  void OnOutput(OutputStream stream, std::string_view bytes) override {
    if (stream == OutputStream::kStdout) {
      MutexLock lock(mutex_);
      most_over_ = std::max(most_over_, bytes.size() - std::min(bytes.size(), room_));
      room_ -= std::min(room_, bytes.size());
    }
    Recorder::OnOutput(stream, bytes);
  }
  void Allow(size_t bytes) {
    MutexLock lock(mutex_);
    room_ += bytes;
  }
  int refused() {
    MutexLock lock(mutex_);
    return refused_;
  }
  size_t most_over() {
    MutexLock lock(mutex_);
    return most_over_;
  }

 private:
  Mutex mutex_;
  size_t room_ COVEY_GUARDED_BY(mutex_) = 0;
  size_t most_over_ COVEY_GUARDED_BY(mutex_) = 0;
  int refused_ COVEY_GUARDED_BY(mutex_) = 0;
};

// Waits until the root runs no more.
bool WaitEnded(const Recorder& process) {
  const std::string program = "/proc/" + std::to_string(process.pid()) + "/exe";
  return Eventually([&] { return ::access(program.c_str(), F_OK) != 0; });
}

TEST_P(PipesTest, OutputWaitsForRoomAndIsWholeThen) {
  auto process = std::make_shared<Narrow>();
  const ProcessId id = supervisor_->Start(Shell("seq 100000; seq 10 >&2"), "", process);
  std::string all;
  for (int i = 1; i <= 100000; ++i) all += std::to_string(i) + "\n";
  ASSERT_TRUE(Eventually([&] { return process->refused() == 1; }));
  EXPECT_EQ(process->out(), "");
  // In steps that divide neither the output nor the pipe.
  for (size_t given = 0; given < all.size(); given += 30'011) {
    process->Allow(30'011);
    supervisor_->Resume(id);
    const size_t wanted = std::min(given + 30'011, all.size());
    ASSERT_TRUE(Eventually([&] { return process->out().size() == wanted; })) << process->out().size();
  }
  ASSERT_TRUE(process->WaitGone());
  EXPECT_EQ(process->result().code, 0);
  EXPECT_EQ(process->out(), all);
  EXPECT_EQ(process->most_over(), 0u);
}

TEST_P(PipesTest, WithoutRoomItHoldsUpNobodyElse) {
  auto held = std::make_shared<Narrow>();
  const ProcessId id = supervisor_->Start(Shell("yes"), "", held);
  ASSERT_TRUE(Eventually([&] { return held->refused() == 1; }));
  EXPECT_EQ(Run(Shell("seq 100000 | tail -n 1"))->out(), "100000\n");
  EXPECT_EQ(held->out(), "");
  EXPECT_EQ(held->refused(), 1);  // a pipe that is held is not looked at
  supervisor_->Kill(id);
  ASSERT_TRUE(held->WaitGone());
}

// Its output is not lost: what it is told to stop for need not be the reader.
TEST_P(PipesTest, OneThatIsBlockedOnItsPipeIsStopped) {
  auto process = std::make_shared<Narrow>();
  const ProcessId id = supervisor_->Start(
      Shell("trap 'echo stopped >&2; exit 7' TERM; echo up >&2; while :; do echo line; done"), "", process);
  ASSERT_TRUE(Eventually([&] { return process->refused() == 1; }));
  supervisor_->Stop(id);
  ASSERT_TRUE(process->WaitGone());
  EXPECT_EQ(process->result().code, 7);
  EXPECT_EQ(process->err(), "up\nstopped\n");
  EXPECT_EQ(process->out().substr(0, 10), "line\nline\n");
}

TEST_P(PipesTest, OneThatHasEndedIsGoneWhenItsOutputIsTaken) {
  auto process = std::make_shared<Narrow>();
  auto spec = Shell("echo last words; exit 3");
  const ProcessId id = supervisor_->Start(spec, "", process);
  ASSERT_TRUE(Eventually([&] { return process->refused() >= 1; }));
  ASSERT_TRUE(WaitEnded(*process));
  EXPECT_EQ(process->gone_calls(), 0);
  process->Allow(5);
  supervisor_->Resume(id);
  ASSERT_TRUE(process->WaitOutput("last "));
  EXPECT_EQ(process->gone_calls(), 0);
  process->Allow(100);
  supervisor_->Resume(id);
  ASSERT_TRUE(process->WaitGone());
  EXPECT_EQ(process->out(), "last words\n");
  EXPECT_EQ(process->result().code, 3);
}

TEST_P(PipesTest, AStopAfterTheEndWaitsForNoReader) {
  auto process = std::make_shared<Narrow>();
  const ProcessId id = supervisor_->Start(Shell("echo last words"), "", process);
  ASSERT_TRUE(Eventually([&] { return process->refused() >= 1; }));
  ASSERT_TRUE(WaitEnded(*process));
  supervisor_->Stop(id);
  ASSERT_TRUE(process->WaitGone());
  EXPECT_EQ(process->out(), "last words\n");
  EXPECT_EQ(process->result().code, 0);
}

// The child says that it is up only when the root has gone, and is gone itself long before the linger is over.
TEST_P(PipesTest, WhatIsWrittenAfterTheRootIsKept) {
  TemporaryDirectory directory;
  const std::string fifo = directory.path() + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  auto spec = Shell("(read x < " + fifo + "; echo late; echo later >&2) & echo early; exec echo $$ up");
  spec->linger = kPatience;
  const auto process = Start(spec);
  ASSERT_TRUE(process->WaitOutput(" up\n"));
  ASSERT_TRUE(WaitEnded(*process));
  UniqueFd(::open(fifo.c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(process->WaitGone());
  EXPECT_NE(process->out().find(" up\nlate\n"), std::string::npos) << process->out();
  EXPECT_EQ(process->err(), "later\n");
}

// It cannot write meanwhile: that time is not its own.
TEST_P(PipesTest, WhatLingersIsNotKilledWhileItsReaderHasNoRoom) {
  const std::string nap = UniqueSleep();
  TemporaryDirectory directory;
  const std::string fifo = directory.path() + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  auto spec = Shell("yes " + nap + " & read x < " + fifo + "; exit 0");
  spec->linger = std::chrono::milliseconds(1);
  auto process = std::make_shared<Narrow>();
  const ProcessId id = supervisor_->Start(spec, "", process);
  ASSERT_TRUE(Eventually([&] { return process->refused() == 1; }));
  UniqueFd(::open(fifo.c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(WaitEnded(*process));
  Run(Command({"sleep", "0.1"}));  // as long as it could linger a hundred times
  EXPECT_EQ(Running("yes" + std::string(1, '\0') + nap).size(), 1u);
  supervisor_->Kill(id);
  ASSERT_TRUE(process->WaitGone());
}

// What it had written when it was gone is read, and no more: not what somebody else writes into its pipe since.
TEST_P(PipesTest, WhatOthersWriteIntoItsPipeWhenItIsGoneIsNotRead) {
  TemporaryDirectory directory;
  const std::string fifo = directory.path() + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  auto spec = Shell("echo last words; read x < " + fifo + "; exit 0");
  spec->linger = std::chrono::milliseconds(0);
  auto process = std::make_shared<Narrow>();
  const ProcessId id = supervisor_->Start(spec, "", process);
  ASSERT_TRUE(Eventually([&] { return process->refused() == 1; }));
  const std::string path = "/proc/" + std::to_string(process->pid()) + "/fd/1";
  const UniqueFd held(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(held);
  UniqueFd(::open(fifo.c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(Eventually([&] { return process->refused() == 2; })) << "it is gone, and what is left waits";
  ASSERT_EQ(::write(held.get(), "and others", 10), 10);
  process->Allow(5);
  supervisor_->Resume(id);
  ASSERT_TRUE(process->WaitOutput("last "));
  process->Allow(100);
  supervisor_->Resume(id);
  ASSERT_TRUE(process->WaitGone());
  EXPECT_EQ(process->out(), "last words\n");
}

TEST_P(PipesTest, WhatWritesNoMoreIsNotWaitedFor) {
  const std::string nap = UniqueSleep();
  auto spec = Shell("sleep " + nap + " >/dev/null 2>&1 & exit 0");
  spec->linger = 100 * kPatience;
  Run(spec);
  EXPECT_EQ(Running(nap), std::vector<pid_t>());
}

TEST_P(PipesTest, AStopEndsTheLinger) {
  const std::string nap = UniqueSleep();
  auto spec = Shell("sleep " + nap + " & exec echo up");
  spec->linger = 100 * kPatience;
  const auto process = Start(spec);
  ASSERT_TRUE(process->WaitOutput("up"));
  ASSERT_TRUE(WaitEnded(*process));
  supervisor_->Stop(last_id_);
  ASSERT_TRUE(process->WaitGone());
  EXPECT_EQ(Running(nap), std::vector<pid_t>());
  EXPECT_EQ(process->result().code, 0);
}

}  // namespace
}  // namespace covey::testing
