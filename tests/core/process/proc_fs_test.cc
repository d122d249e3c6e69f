#include "core/process/proc_fs.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>

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
  const auto self = ReadStat(::getpid());
  ASSERT_TRUE(self);
  EXPECT_EQ(self->pid, ::getpid());
  EXPECT_EQ(self->parent, ::getppid());
  EXPECT_EQ(self->session, ::getsid(0));
  EXPECT_FALSE(self->dead());
  EXPECT_TRUE(self->has_memory);
  EXPECT_LE(self->start_ticks, NowTicks());
  EXPECT_FALSE(ReadStat(0));
  EXPECT_FALSE(ReadStat(1 << 30));
}

TEST(ProcFsTest, ANameMayLookLikeTheRestOfTheLine) {
  char before[16] = {};
  ::prctl(PR_GET_NAME, before);
  ::prctl(PR_SET_NAME, ") R 1 1 (1 )");
  const auto self = ReadStat(::getpid());
  ::prctl(PR_SET_NAME, before);
  ASSERT_TRUE(self);
  EXPECT_EQ(self->name, ") R 1 1 (1 )");
  EXPECT_EQ(self->parent, ::getppid());
}

TEST(ProcFsTest, ListsEveryProcessOnce) {
  std::vector<pid_t> pids;
  ForEachPid([&](pid_t pid) { pids.push_back(pid); });
  EXPECT_EQ(std::count(pids.begin(), pids.end(), ::getpid()), 1);
  EXPECT_EQ(std::count(pids.begin(), pids.end(), ::getppid()), 1);
  EXPECT_TRUE(std::is_sorted(pids.begin(), pids.end()));
}

TEST(ProcFsTest, DoesNotKillAnotherThanTheOneMeant) {
  const auto self = ReadStat(::getpid());
  ASSERT_TRUE(self);
  // Were the start not compared, this test would end here.
  EXPECT_FALSE(KillExactly(self->pid, self->start_ticks + 1));
}

}  // namespace
}  // namespace covey::procfs
