#include "core/executor/process_executor.h"

#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/core/executor/recorder.h"

namespace covey::testing {
namespace {

class ProcessExecutorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto supervisor = ProcessSupervisor::Create(
        {.become_subreaper = true, .token_variable = ProcessExecutor::kTokenVariable});
    ASSERT_TRUE(supervisor.ok()) << supervisor.error().message;
    executor_ = std::make_unique<ProcessExecutor>(
        std::move(supervisor.value()), "dir-", "unix:/there",
        [this](const ProcessExecutor::Leftovers& left) { leftovers_.push_back(left); });
  }

  std::shared_ptr<Execution> Start(std::string script, ProcessSpec spec = {}) {
    spec.argv = {"sh", "-c", std::move(script)};
    const TaskSpec task{.work = std::make_shared<const ProcessSpec>(std::move(spec))};
    return executor_->Start({.group = "g",
                             .task = "t",
                             .index = 3,
                             .attempt = 2,
                             .spec = std::make_shared<const TaskSpec>(task),
                             .deadline = deadline_},
                            recorder_);
  }

  std::optional<std::chrono::steady_clock::time_point> deadline_;
  std::vector<ProcessExecutor::Leftovers> leftovers_;  // complete at the exit of each
  std::unique_ptr<ProcessExecutor> executor_;
  std::shared_ptr<Recorder> recorder_ = std::make_shared<Recorder>();
};

TEST_F(ProcessExecutorTest, TellsTheProcessWhoItIs) {
  Start("echo $COVEY_GROUP $COVEY_TASK $COVEY_ADDRESS $COVEY_ATTEMPT $MINE; test -n \"$PATH\"",
        {.env = {{"MINE", "too"}}});
  EXPECT_TRUE(recorder_->Exit().ok());
  EXPECT_EQ(recorder_->out(), "g t unix:/there dir-g/3.2 too\n");
}

TEST_F(ProcessExecutorTest, TellsTheProcessWhenItsTimeIsUp) {
  deadline_ = std::chrono::steady_clock::now() + std::chrono::hours(1);
  const auto before = std::chrono::system_clock::now() + std::chrono::hours(1);
  Start("echo $COVEY_DEADLINE", {.env = {{"COVEY_DEADLINE", "never"}}});
  EXPECT_TRUE(recorder_->Exit().ok());
  const std::string text = recorder_->out();
  ASSERT_EQ(text.size(), std::string_view("1795825723.250\n").size()) << text;
  EXPECT_EQ(text[10], '.');
  const double seconds = std::chrono::duration<double>(before.time_since_epoch()).count();
  EXPECT_NEAR(std::stod(text), seconds, 5);
}

TEST_F(ProcessExecutorTest, WithoutADeadlineNoneIsTold) {
  Start("echo ${COVEY_DEADLINE-none}", {.env = {{"COVEY_DEADLINE", "that of another task"}}});
  EXPECT_TRUE(recorder_->Exit().ok());
  EXPECT_EQ(recorder_->out(), "none\n");
}

TEST_F(ProcessExecutorTest, SaysWhatATaskHasLeftBehind) {
  Start("setsid sleep 100 & setsid sleep 100 & exit 0");
  EXPECT_TRUE(recorder_->Exit().ok());
  ASSERT_EQ(leftovers_.size(), 1u);
  EXPECT_EQ(leftovers_[0].group + "/" + leftovers_[0].task, "g/t");
  EXPECT_EQ(leftovers_[0].attempt, 2u);
  EXPECT_EQ(leftovers_[0].killed, 2u);
}

TEST_F(ProcessExecutorTest, SaysNothingOfATaskThatLeavesNone) {
  Start("exit 0");
  EXPECT_TRUE(recorder_->Exit().ok());
  EXPECT_TRUE(leftovers_.empty());
}

// Its input may be a MiB, of each of ten thousand that run.
TEST_F(ProcessExecutorTest, WhatRunsSharesTheSpecOfItsTask) {
  const std::shared_ptr<const ProcessSpec> spec =
      std::make_shared<const ProcessSpec>(ProcessSpec{.argv = {"sleep", "100"}});
  const auto execution = executor_->Start(
      {.group = "g", .task = "t", .spec = std::make_shared<const TaskSpec>(TaskSpec{.work = spec})},
      recorder_);
  EXPECT_EQ(spec.use_count(), 2) << "here, and where it runs";
  execution->Stop({});
  EXPECT_FALSE(recorder_->Exit().ok());
}

TEST_F(ProcessExecutorTest, ATaskCannotTakeAnothersName) {
  Start("echo $COVEY_TASK", {.env = {{"COVEY_TASK", "other"}}});
  EXPECT_TRUE(recorder_->Exit().ok());
  EXPECT_EQ(recorder_->out(), "t\n");
}

// A variable of this program while it lives.
class OwnVariable {
 public:
  OwnVariable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~OwnVariable() { ::unsetenv(name_); }

 private:
  const char* const name_;
};

TEST_F(ProcessExecutorTest, TheEnvironmentIsCleanUnlessAskedFor) {
  const OwnVariable own("SECRET_OF_THE_DAEMON", "s");
  const OwnVariable covey("COVEY_OTHER", "o");
  constexpr const char* kTell = "echo ${SECRET_OF_THE_DAEMON-none} ${COVEY_OTHER-none} $COVEY_TASK $MINE";
  Start(kTell);
  EXPECT_TRUE(recorder_->Exit().ok());
  EXPECT_EQ(recorder_->out(), "none none t\n");
  recorder_ = std::make_shared<Recorder>();
  Start(kTell, {.env = {{"MINE", "too"}}, .inherit_env = true});
  EXPECT_TRUE(recorder_->Exit().ok());
  EXPECT_EQ(recorder_->out(), "s none t too\n");
}

TEST_F(ProcessExecutorTest, AnotherUserGetsNothingThatTellsOfOurs) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may change the user";
  const OwnVariable mail("MAIL", "/var/mail/root");
  Start("echo $USER $HOME ${MAIL-none}", {.user = "nobody", .inherit_env = true});
  EXPECT_TRUE(recorder_->Exit().ok());
  EXPECT_EQ(recorder_->out(), std::string("nobody ") + ::getpwnam("nobody")->pw_dir + " none\n");
}

TEST_F(ProcessExecutorTest, ALimitThatWasReachedIsTold) {
  Start("while :; do :; done", {.limits = {.cpu_time = std::chrono::seconds(1)}});
  EXPECT_EQ(recorder_->Exit().message(), "ended by SIGXCPU: the limit of CPU time, 1 s, was reached");
}

TEST_F(ProcessExecutorTest, AnExitCodeIsAFailureWithTheEndOfStderr) {
  Start("echo out; echo 'no such file' >&2; exit 7");
  const Status status = recorder_->Exit();
  EXPECT_EQ(status.kind(), FailureKind::kExit);
  EXPECT_EQ(status.failure().code, 7);
  EXPECT_EQ(status.message(), "exited with code 7");
  EXPECT_EQ(status.failure().detail, "no such file\n");
}

TEST_F(ProcessExecutorTest, ASignalIsNamed) {
  Start("kill -USR1 $$");
  const Status status = recorder_->Exit();
  EXPECT_EQ(status.kind(), FailureKind::kSignal);
  EXPECT_EQ(status.failure().code, SIGUSR1);
  EXPECT_EQ(status.message(), "ended by SIGUSR1");
}

TEST_F(ProcessExecutorTest, AProgramThatIsNotThereExits127) {
  auto task = std::make_shared<TaskSpec>();
  task->work = std::make_shared<const ProcessSpec>(ProcessSpec{.argv = {"/no/such/program"}});
  executor_->Start({.group = "g", .task = "t", .spec = task}, recorder_);
  const Status status = recorder_->Exit();
  EXPECT_EQ(status.kind(), FailureKind::kExit);
  EXPECT_EQ(status.failure().code, 127);
  EXPECT_NE(status.message(), "");
}

TEST_F(ProcessExecutorTest, AStopIsDeliveredAsTheStopSignal) {
  const auto execution = Start("echo up; exec sleep 60");
  recorder_->AwaitOutput("up");
  execution->Stop({.kind = FailureKind::kCancelled});
  const Status status = recorder_->Exit();
  EXPECT_EQ(status.failure().code, SIGTERM);
  EXPECT_EQ(recorder_->delivered(), std::vector<int>{SIGTERM});
  EXPECT_FALSE(recorder_->killed());
  execution->Stop({.kind = FailureKind::kCancelled});  // gone: nothing
}

TEST_F(ProcessExecutorTest, WhoIgnoresTheStopIsKilledAfterItsGrace) {
  const auto execution =
      Start("trap '' TERM; echo up; while :; do sleep 60; done", {.grace = std::chrono::milliseconds(50)});
  recorder_->AwaitOutput("up");
  execution->Stop({.kind = FailureKind::kCancelled});
  EXPECT_EQ(recorder_->Exit().failure().code, SIGKILL);
  EXPECT_TRUE(recorder_->killed());
}

}  // namespace
}  // namespace covey::testing
