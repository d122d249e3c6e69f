#include "core/process/cgroup_pool.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <thread>

#include "core/process/cgroup_directory.h"
#include "core/process/owner.h"
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

// A cgroup as an owner makes one, without a lock, and a process in it; in a place of its own, as a daemon or a test that
// starts meanwhile would remove it.
class StaleCgroupTest : public CgroupTest {
 protected:
  void SetUp() override {
    CgroupTest::SetUp();
    if (IsSkipped()) return;
    place_ = Parent() + "/stale-" + std::to_string(::getpid());
    ASSERT_EQ(::mkdir(place_.c_str(), 0755), 0);
    ASSERT_TRUE(Take(CgroupPool::Open(place_, nullptr), &pool_));
  }
  void Make(const Owner& owner) {
    path_ = Parent() + "/covey-" + owner.Text() + "-1000000";  // no pool of this process has that number
    ASSERT_EQ(::mkdir(path_.c_str(), 0755), 0);
    ASSERT_EQ(::mkdir((path_ + "/0").c_str(), 0755), 0);
  }
  void Fill() {
    child_ = ::fork();
    if (child_ == 0) {
      for (;;) ::pause();
    }
    std::ofstream(path_ + "/0/cgroup.procs") << child_ << std::flush;
  }
  void Open() {
    ASSERT_TRUE(Take(CgroupPool::Open(Parent(), [this](std::string_view line) { log_ = line; }), &other_));
  }
  // How the child ended; 0: it lives.
  int Ended() const {
    siginfo_t info{};
    EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(child_), &info, WEXITED | WNOHANG | WNOWAIT), 0);
    return info.si_pid == 0 ? 0 : info.si_status;
  }
  void TearDown() override {
    if (child_ > 0) {
      ::kill(child_, SIGKILL);
      ::waitpid(child_, nullptr, 0);
    }
    ::rmdir((path_ + "/0").c_str());
    ::rmdir(path_.c_str());
    other_.reset();
    pool_.reset();
    ::rmdir(place_.c_str());
    CgroupTest::TearDown();
  }
  int TimesOpen() const {
    int times = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code ignored;
      times += std::filesystem::read_symlink(entry.path(), ignored) == path_;
    }
    return times;
  }
  static Owner Dead() {
    Owner owner = Owner::Self();
    ++owner.start_ticks;  // another got its pid
    return owner;
  }
  static Owner OfAnotherNamespace() {
    Owner owner = Owner::Self();
    ++owner.pid_namespace;
    return owner;
  }

  std::string place_;
  std::string path_;
  pid_t child_ = -1;
  std::string log_;
  std::unique_ptr<CgroupPool> other_;
};

TEST_F(StaleCgroupTest, WhatADeadOwnerLeftIsKilledAndRemoved) {
  Make(Dead());
  Fill();
  Open();
  EXPECT_EQ(Ended(), SIGKILL);
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_EQ(log_, "killed 1 process that a dead owner left in cgroup " + path_);
  EXPECT_TRUE(std::filesystem::exists(pool_->path())) << "a living one is left alone";
  EXPECT_NE(other_->path(), pool_->path());
}

TEST_F(StaleCgroupTest, WhoHasYetToLockItsCgroupIsLeftAlone) {
  Make(Owner::Self());
  Open();
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(StaleCgroupTest, AnEmptyOneThatNobodyHoldsIsRemoved) {
  Make(OfAnotherNamespace());
  Open();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(StaleCgroupTest, TheProcessesOfAnOwnerInAnotherPidNamespaceLive) {
  Make(OfAnotherNamespace());
  Fill();
  Open();
  EXPECT_EQ(Ended(), 0);
  EXPECT_TRUE(std::filesystem::exists(path_));
  EXPECT_NE(log_.find("another pid namespace"), std::string::npos) << log_;
}

// A child between clone and exec has the descriptors of its dead parent.
TEST_F(StaleCgroupTest, ALockThatOutlivesItsOwnerForAMomentIsAwaited) {
  Make(Dead());
  Fill();
  UniqueFd lock = cgroup_directory::Open(AT_FDCWD, path_.c_str());
  ASSERT_EQ(::flock(lock.get(), LOCK_EX | LOCK_NB), 0);
  std::thread holder([&] {
    // Until whoever wants the lock has opened the directory.
    EXPECT_TRUE(Eventually([this] { return TimesOpen() == 2; }));
    lock.Reset();
  });
  Open();
  holder.join();
  EXPECT_EQ(Ended(), SIGKILL);
  EXPECT_FALSE(std::filesystem::exists(path_));
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
