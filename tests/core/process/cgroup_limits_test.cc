#include "core/process/cgroup_limits.h"

#include <fcntl.h>

#include <filesystem>
#include <fstream>

#include "core/base/unique_fd.h"
#include "core/process/cgroup_pool.h"
#include "core/process/proc_fs.h"
#include "tests/core/process/process_testing.h"

namespace covey::testing {
namespace {

// Control files that are plain files: what is written to them can be read, and nothing is limited.
class CgroupLimitsTest : public ::testing::Test {
 protected:
  CgroupLimitsTest() { fd_.Reset(::open(directory_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); }

  void Put(const std::string& name, const std::string& text) const {
    std::ofstream(directory_.path() + "/" + name) << text;
  }
  std::string Get(const std::string& name) const {
    return procfs::ReadFile((directory_.path() + "/" + name).c_str());
  }

  const TemporaryDirectory directory_;
  UniqueFd fd_;
};

TEST_F(CgroupLimitsTest, WritesWhatIsSetAndNothingElse) {
  for (const char* name : {"memory.max", "memory.oom.group", "cpu.max", "pids.max"}) Put(name, "");
  ResourceLimits limits;
  EXPECT_FALSE(limits.NeedsCgroup());
  limits.cpu_milli = 1500;
  EXPECT_TRUE(limits.NeedsCgroup());
  EXPECT_EQ(cgroup_limits::Apply(fd_.get(), limits), std::nullopt);
  EXPECT_EQ(Get("cpu.max"), "150000 100000");
  EXPECT_EQ(Get("memory.max") + Get("memory.oom.group") + Get("pids.max"), "");
  limits = {.memory = 64 << 20, .pids = 7};
  EXPECT_EQ(cgroup_limits::Apply(fd_.get(), limits), std::nullopt);
  EXPECT_EQ(Get("memory.max"), "67108864");
  EXPECT_EQ(Get("memory.oom.group"), "1");
  EXPECT_EQ(Get("pids.max"), "7");
  limits = {.cpu_milli = 10};
  Put("cpu.max", "");
  EXPECT_EQ(cgroup_limits::Apply(fd_.get(), limits), std::nullopt);
  EXPECT_EQ(Get("cpu.max"), "1000 100000") << "the least that the kernel takes";
}

TEST_F(CgroupLimitsTest, WhatIsLimitedInMemoryCannotSwapInstead) {
  for (const char* name : {"memory.max", "memory.swap.max"}) Put(name, "");
  EXPECT_EQ(cgroup_limits::Apply(fd_.get(), {.cpu_milli = 0, .pids = 0}), std::nullopt);
  EXPECT_EQ(Get("memory.swap.max"), "");
  EXPECT_EQ(cgroup_limits::Apply(fd_.get(), {.memory = 1 << 20}), std::nullopt);
  EXPECT_EQ(Get("memory.swap.max"), "0");
}

TEST_F(CgroupLimitsTest, AnOldKernelHasNoOomGroup) {
  Put("memory.max", "");
  EXPECT_EQ(cgroup_limits::Apply(fd_.get(), {.memory = 1 << 20}), std::nullopt);
  EXPECT_EQ(Get("memory.max"), "1048576");
  EXPECT_FALSE(std::filesystem::exists(directory_.path() + "/memory.oom.group"));
}

TEST_F(CgroupLimitsTest, SaysWhichFileCannotBeWritten) {
  Put("memory.max", "");
  const auto problem = cgroup_limits::Apply(fd_.get(), {.memory = 1 << 20, .pids = 3});
  EXPECT_EQ(problem, "writing 3 to pids.max of its cgroup: No such file or directory");
}

TEST_F(CgroupLimitsTest, ReadsControllersAndEvents) {
  EXPECT_EQ(cgroup_limits::Controllers(fd_.get(), "cgroup.controllers"), std::vector<std::string>());
  Put("cgroup.controllers", "cpuset cpu memory\n");
  EXPECT_EQ(cgroup_limits::Controllers(fd_.get(), "cgroup.controllers"),
            (std::vector<std::string>{"cpuset", "cpu", "memory"}));
  Put("cgroup.subtree_control", "");
  EXPECT_EQ(cgroup_limits::GiveBelow(fd_.get(), "memory", true), 0);
  EXPECT_EQ(Get("cgroup.subtree_control"), "+memory");
  EXPECT_FALSE(cgroup_limits::MemoryRanOut(fd_.get()));
  Put("memory.events", "low 0\nhigh 0\nmax 12\noom 1\noom_kill 0\n");
  EXPECT_FALSE(cgroup_limits::MemoryRanOut(fd_.get()));
  Put("memory.events", "low 0\nhigh 0\nmax 12\noom 1\noom_kill 2\noom_group_kill 1\n");
  EXPECT_TRUE(cgroup_limits::MemoryRanOut(fd_.get()));
}

TEST(CgroupControllersTest, TheKernelGivesThemOrTheReasonIsTold) {
  std::vector<std::string> log;
  auto opened = CgroupPool::Open("", [&log](std::string_view line) { log.emplace_back(line); });
  if (!opened.ok()) GTEST_SKIP() << opened.error().message;
  std::unique_ptr<CgroupPool> pool = std::move(opened.value());
  const std::string parent = pool->path().substr(0, pool->path().rfind('/'));
  const std::string before = procfs::ReadFile((parent + "/cgroup.subtree_control").c_str());
  const std::string own = procfs::ReadFile("/proc/self/cgroup");
  pool->EnableControllers();
  std::unique_ptr<Cgroup> cgroup = pool->Acquire();
  ASSERT_NE(cgroup, nullptr);
  for (const std::string& name : pool->controllers()) {
    EXPECT_TRUE(cgroup_limits::IsWanted(name));
    EXPECT_EQ(::faccessat(cgroup->directory(), (name + ".max").c_str(), F_OK, 0), 0) << name;
  }
  pool->Release(std::move(cgroup));
  pool.reset();
  EXPECT_EQ(procfs::ReadFile((parent + "/cgroup.subtree_control").c_str()), before);
  EXPECT_EQ(procfs::ReadFile("/proc/self/cgroup"), own);
}

}  // namespace
}  // namespace covey::testing
