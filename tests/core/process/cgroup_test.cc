#include "core/process/cgroup.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/core/process/process_testing.h"

namespace covey::testing {
namespace {

class CgroupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const Status status = CgroupPool::Open("", nullptr, &pool_);
    if (!status) GTEST_SKIP() << status.ToString();
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
  ASSERT_TRUE(CgroupPool::Open(Parent(), nullptr, &other));
  EXPECT_FALSE(std::filesystem::exists(stale));
  EXPECT_TRUE(std::filesystem::exists(pool_->path()));
  EXPECT_NE(other->path(), pool_->path());
}

TEST(CgroupPlaceTest, SaysWhyAPlaceIsNoUse) {
  TemporaryDirectory directory;
  std::unique_ptr<CgroupPool> pool;
  Status status = CgroupPool::Open(directory.path(), nullptr, &pool);
  EXPECT_FALSE(status);
  EXPECT_NE(status.message().find("is no cgroup of version 2"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
  status = CgroupPool::Open("/no/such/directory", nullptr, &pool);
  EXPECT_FALSE(status);
  EXPECT_NE(status.message().find("/no/such/directory"), std::string::npos);
}

TEST(CgroupPlaceTest, WithoutCgroupsTheSupervisorSaysSoAndGoesOn) {
  ProcessSupervisor::Options options;
  options.cgroup_root = "/no/such/directory";
  std::unique_ptr<ProcessSupervisor> supervisor;
  ASSERT_TRUE(ProcessSupervisor::Create(options, &supervisor));
  EXPECT_NE(supervisor->mechanism().find("/proc walk (no cgroups: "), std::string::npos);
  EXPECT_NE(supervisor->mechanism().find("/no/such/directory"), std::string::npos);
}

}  // namespace
}  // namespace covey::testing
