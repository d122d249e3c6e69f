#include "core/process/proc_fs.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include "tests/core/base/gate.h"
#include "tests/core/process/process_testing.h"

namespace covey::procfs {
namespace {

TEST(ProcFsTest, FindsAVariable) {
  const std::string environment("A=1\0B=\0AB=3\0LAST=x=y", 20);
  EXPECT_EQ(FindVariable(environment, "A"), "1");
  EXPECT_EQ(FindVariable(environment, "B"), "");
  EXPECT_EQ(FindVariable(environment, "AB"), "3");
  EXPECT_EQ(FindVariable(environment, "LAST"), "x=y");
  EXPECT_EQ(FindVariable(environment, "C"), std::nullopt);
  EXPECT_EQ(FindVariable("", "A"), std::nullopt);
  EXPECT_EQ(FindVariable("A", "A"), std::nullopt);
}

TEST(ProcFsTest, ReadsAProcess) {
  const auto self = ReadStat(::getpid(), nullptr);
  ASSERT_TRUE(self);
  EXPECT_EQ(self->pid, ::getpid());
  EXPECT_EQ(self->parent, ::getppid());
  EXPECT_EQ(self->session, ::getsid(0));
  EXPECT_FALSE(self->dead());
  EXPECT_TRUE(self->has_memory);
  EXPECT_LE(self->start_ticks, NowTicks());
  EXPECT_FALSE(ReadStat(0, nullptr));
  EXPECT_FALSE(ReadStat(1 << 30, nullptr));
}

TEST(ProcFsTest, ANameMayLookLikeTheRestOfTheLine) {
  char before[16] = {};
  ::prctl(PR_GET_NAME, before);
  ::prctl(PR_SET_NAME, ") R 1 1 (1 )");
  const auto self = ReadStat(::getpid(), nullptr);
  ::prctl(PR_SET_NAME, before);
  ASSERT_TRUE(self);
  EXPECT_EQ(self->name, ") R 1 1 (1 )");
  EXPECT_EQ(self->parent, ::getppid());
}

TEST(ProcFsTest, ListsEveryProcessOnce) {
  std::vector<pid_t> pids;
  ForEachPid([&](pid_t pid) { pids.push_back(pid); }, nullptr);
  EXPECT_EQ(std::count(pids.begin(), pids.end(), ::getpid()), 1);
  EXPECT_EQ(std::count(pids.begin(), pids.end(), ::getppid()), 1);
  EXPECT_TRUE(std::is_sorted(pids.begin(), pids.end()));
}

TEST(ProcFsTest, DoesNotKillAnotherThanTheOneMeant) {
  const auto self = ReadStat(::getpid(), nullptr);
  ASSERT_TRUE(self);
  // Were the start not compared, this test would end here.
  EXPECT_FALSE(KillExactly(self->pid, self->start_ticks + 1, nullptr));
}

TEST(ProcFsTest, WhatCannotBeReadIsNotGone) {
  const auto self = ReadStat(::getpid(), nullptr);
  ASSERT_TRUE(self);
  Missed gone;
  EXPECT_FALSE(ReadStat(1 << 30, &gone));
  EXPECT_TRUE(ChildrenOf(1 << 30, &gone).empty());
  EXPECT_FALSE(KillExactly(1 << 30, 1, &gone));
  EXPECT_EQ(ReadEnvironment(Stat{.pid = 1 << 30}, &gone), "");
  EXPECT_FALSE(gone.any);
  Missed missed[5];
  {
    const testing::NoDescriptors none;
    EXPECT_FALSE(ReadStat(::getpid(), &missed[0]));
    EXPECT_TRUE(ChildrenOf(::getpid(), &missed[1]).empty());
    ForEachPid([](pid_t) {}, &missed[2]);
    EXPECT_EQ(ReadEnvironment(*self, &missed[3]), std::nullopt);
    EXPECT_FALSE(KillExactly(self->pid, self->start_ticks + 1, &missed[4]));
  }
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(missed[i].any) << i;
}

std::optional<std::string> EnvironmentOf(pid_t pid) {
  const std::optional<Stat> stat = ReadStat(pid, nullptr);
  return stat ? ReadEnvironment(*stat, nullptr) : std::nullopt;
}

// Also when it never rests: nobody waits until it does.
TEST(ProcFsTest, NoEnvironmentIsToldFromOneThatIsBeingMade) {
  const pid_t child = ::fork();
  if (child == 0) {
    const char* const argv[] = {"sh", "-c", "while :; do :; done", nullptr};
    const char* const envp[] = {nullptr};
    ::execve("/bin/sh", const_cast<char**>(argv), const_cast<char**>(envp));
    ::_exit(127);
  }
  ASSERT_GT(child, 0);
  const auto until = std::chrono::steady_clock::now() + kTestPatience;
  while (EnvironmentOf(child) != "" && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  for (int i = 0; i < 1'000; ++i) ASSERT_EQ(EnvironmentOf(child), "");
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

// The race: environ is opened, the process executes another program, environ is read. What was opened has no
// environment any more, and the process seems to have none: a member of a tree would not be told as one.
TEST(ProcFsTest, AnEnvironmentIsSeenWhileProgramsAreExecuted) {
  const pid_t child = ::fork();
  if (child == 0) {
    // One program after the other, until it is killed.
    const char* const script = "exec sh -c \"$SCRIPT\"";
    ::setenv("SCRIPT", script, 1);
    ::setenv("COVEY_TEST_TOKEN", std::string(10'000, 't').c_str(), 1);
    ::execl("/bin/sh", "sh", "-c", script, nullptr);
    ::_exit(127);
  }
  ASSERT_GT(child, 0);
  // From its first exec on it has the variable.
  const auto until = std::chrono::steady_clock::now() + kTestPatience;
  const auto seen = [&] {
    const std::optional<std::string> environment = EnvironmentOf(child);
    return environment && FindVariable(*environment, "COVEY_TEST_TOKEN");
  };
  while (!seen() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  int missed = 0;
  for (int i = 0; i < 20'000 / kFewer; ++i) {
    const std::optional<std::string> environment = EnvironmentOf(child);
    if (environment && FindVariable(*environment, "COVEY_TEST_TOKEN").value_or("").size() != 10'000) ++missed;
  }
  EXPECT_EQ(missed, 0);
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
}

}  // namespace
}  // namespace covey::procfs
