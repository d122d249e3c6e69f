#include "core/process/cgroup_pool.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/core/process/process_testing.h"

namespace covey::testing {
namespace {

class CgroupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = CgroupPool::Open("", nullptr);
    if (!opened.ok()) GTEST_SKIP() << opened.error().message;
    pool_ = std::move(opened.value());
  }

  std::string Parent() const { return pool_->path().substr(0, pool_->path().rfind('/')); }

  std::unique_ptr<CgroupPool> pool_;
};

TEST_F(CgroupTest, AnEmptyCgroupIsUsedAgain) {
  std::unique_ptr<Cgroup> first = pool_->Acquire();
  std::unique_ptr<Cgroup> second = pool_->Acquire();
  ASSERT_NE(first, nullptr);
  ASSERT_NE(second, nullptr);
  const int directory = first->directory();
  EXPECT_TRUE(first->Empty());
  EXPECT_EQ(first->Members(), std::vector<int>());
  pool_->Release(std::move(first));
  first = pool_->Acquire();
  EXPECT_EQ(first->directory(), directory);
  pool_->Release(std::move(first));
  pool_->Release(std::move(second));
}

TEST_F(CgroupTest, OneWithAnotherBelowItIsNotUsedAgain) {
  std::unique_ptr<Cgroup> cgroup = pool_->Acquire();
  ASSERT_NE(cgroup, nullptr);
  ASSERT_EQ(::mkdir((pool_->path() + "/0/below").c_str(), 0755), 0);
  pool_->Release(std::move(cgroup));
  EXPECT_FALSE(std::filesystem::exists(pool_->path() + "/0"));
}

TEST_F(CgroupTest, OneThatWasKilledIsNotUsedAgain) {
  std::unique_ptr<Cgroup> cgroup = pool_->Acquire();
  ASSERT_NE(cgroup, nullptr);
  cgroup->Kill();
  pool_->Release(std::move(cgroup));
  EXPECT_FALSE(std::filesystem::exists(pool_->path() + "/0"));
}

TEST_F(CgroupTest, OneThatWasLimitedIsNotUsedAgain) {
  std::unique_ptr<Cgroup> cgroup = pool_->Acquire();
  ASSERT_NE(cgroup, nullptr);
  EXPECT_FALSE(cgroup->Limit({}));
  pool_->Release(std::move(cgroup));
  EXPECT_FALSE(std::filesystem::exists(pool_->path() + "/0"));
}

TEST_F(CgroupTest, NothingIsLeftOfAPool) {
  const std::string path = pool_->path();
  std::unique_ptr<Cgroup> cgroup = pool_->Acquire();
  ASSERT_NE(cgroup, nullptr);
  pool_->Release(std::move(cgroup));
  EXPECT_TRUE(std::filesystem::exists(path));
  pool_.reset();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(CgroupTest, WhatADeadOwnerLeftIsRemovedAndALivingOneIsLeftAlone) {
  // No lock on it: its owner is dead.
  const std::string stale = Parent() + "/covey-0-" + std::to_string(::getpid());
  ASSERT_EQ(::mkdir(stale.c_str(), 0755), 0);
  ASSERT_EQ(::mkdir((stale + "/0").c_str(), 0755), 0);
  std::unique_ptr<CgroupPool> other;
  ASSERT_TRUE(Take(CgroupPool::Open(Parent(), nullptr), &other));
  EXPECT_FALSE(std::filesystem::exists(stale));
  EXPECT_TRUE(std::filesystem::exists(pool_->path()));
  EXPECT_NE(other->path(), pool_->path());
}

TEST(CgroupPlaceTest, SaysWhyAPlaceIsNoUse) {
  TemporaryDirectory directory;
  const auto plain = CgroupPool::Open(directory.path(), nullptr);
  ASSERT_FALSE(plain.ok());
  EXPECT_EQ(plain.error().code, ErrorCode::kUnimplemented);
  EXPECT_NE(plain.error().message.find("is no cgroup of version 2"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
  const auto none = CgroupPool::Open("/no/such/directory", nullptr);
  ASSERT_FALSE(none.ok());
  EXPECT_NE(none.error().message.find("/no/such/directory"), std::string::npos);
}

TEST(CgroupPlaceTest, WithoutCgroupsTheSupervisorAdoptsOrphansAndSaysWhy) {
  ProcessSupervisor::Options options = OptionsFor(Mode::kSubreaper);
  options.use_cgroups = true;
  options.cgroup_root = "/no/such/directory";
  std::unique_ptr<ProcessSupervisor> supervisor;
  ASSERT_TRUE(Take(ProcessSupervisor::Create(options), &supervisor));
  EXPECT_NE(supervisor->mechanism().find("/proc walk (no cgroups: "), std::string::npos);
  EXPECT_NE(supervisor->mechanism().find("/no/such/directory"), std::string::npos);
}

TEST(CgroupPlaceTest, WithNeitherCgroupsNorOrphansProcessesAreRefused) {
  if (::getpid() == 1) GTEST_SKIP() << "pid 1 adopts orphans";
  ProcessSupervisor::Options options;
  options.cgroup_root = "/no/such/directory";
  const auto refused = ProcessSupervisor::Create(options);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_EQ(refused.error().reason, "PROCESSES_NOT_SUPPORTED");
  EXPECT_NE(refused.error().message.find("not supported here"), std::string::npos);
  EXPECT_NE(refused.error().message.find("/no/such/directory"), std::string::npos);
  EXPECT_NE(refused.error().message.find("become_subreaper is off"), std::string::npos);
}

}  // namespace
}  // namespace covey::testing
