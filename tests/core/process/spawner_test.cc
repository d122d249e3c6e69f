#include "core/process/spawner.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>
#include <tuple>

#include "core/process/cgroup_pool.h"
#include "tests/core/process/process_testing.h"

namespace covey::testing {
namespace {

std::string ReadAll(const UniqueFd& pipe) {
  // Our end does not block.
  ::fcntl(pipe.get(), F_SETFL, 0);
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = ::read(pipe.get(), buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(n));
  return text;
}

int ExitCode(const SpawnedChild& child) {
  siginfo_t info{};
  EXPECT_EQ(::waitid(P_PIDFD, static_cast<id_t>(child.pidfd.get()), &info, WEXITED), 0);
  return info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
}

// Every way to clone works alike: this kernel has them all, others refuse the first or the second.
class SpawnerTest : public ::testing::TestWithParam<std::tuple<CloneWay, bool>> {
 protected:
  void SetUp() override {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  void TearDown() override { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  Spawner::Options OptionsOfTest() {
    return {.way = std::get<0>(GetParam()), .share_descriptors = std::get<1>(GetParam())};
  }

 private:
  sigset_t before_;
};

INSTANTIATE_TEST_SUITE_P(Ways, SpawnerTest,
                         ::testing::Combine(::testing::Values(CloneWay::kClone3, CloneWay::kClone,
                                                              CloneWay::kCloneThenOpen),
                                            ::testing::Bool()));

TEST_P(SpawnerTest, StartsAProgram) {
  Spawner spawner(OptionsOfTest());
  ASSERT_TRUE(spawner.Probe(nullptr).ok());
  for (int i = 0; i < 3; ++i) {
    SpawnedChild child;
    auto spec = Shell("cat; echo $EXTRA >&2; ls /proc/self/fd; exit 9");
    spec->stdin_bytes = "in\n";
    ASSERT_FALSE(spawner.Spawn(*spec, {"EXTRA", "extra"}, std::nullopt, nullptr, &child));
    EXPECT_EQ(ReadAll(child.stdout_pipe), "in\n0\n1\n2\n3\n");
    EXPECT_EQ(ReadAll(child.stderr_pipe), "extra\n");
    EXPECT_EQ(ExitCode(child), 9);
  }
}

TEST_P(SpawnerTest, TellsWhyAProgramCannotBeStarted) {
  Spawner spawner(OptionsOfTest());
  ASSERT_TRUE(spawner.Probe(nullptr).ok());
  const size_t before = OpenDescriptors();
  SpawnedChild child;
  auto error = spawner.Spawn(*Command({"no-such-program"}), {}, std::nullopt, nullptr, &child);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, 127);
  auto spec = Command({"true"});
  spec->working_dir = "/no/such/directory";
  error = spawner.Spawn(*spec, {}, std::nullopt, nullptr, &child);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, 126);
  EXPECT_EQ(OpenDescriptors(), before);
  // Nothing is left to be reaped.
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

TEST_P(SpawnerTest, PutsTheChildInItsCgroup) {
  auto opened = CgroupPool::Open("", nullptr);
  if (!opened.ok()) GTEST_SKIP() << opened.error().message;
  const std::unique_ptr<CgroupPool> pool = std::move(opened.value());
  std::unique_ptr<Cgroup> cgroup = pool->Acquire();
  ASSERT_NE(cgroup, nullptr);
  Spawner spawner(OptionsOfTest());
  ASSERT_TRUE(spawner.Probe(cgroup.get()).ok());
  SpawnedChild child;
  ASSERT_FALSE(spawner.Spawn(*Command({"cat", "/proc/self/cgroup"}), {}, std::nullopt, cgroup.get(), &child));
  const std::string name = pool->path().substr(pool->path().rfind('/'));
  EXPECT_NE(ReadAll(child.stdout_pipe).find("0::" + name + "/0\n"), std::string::npos);
  EXPECT_EQ(ExitCode(child), 0);
  pool->Release(std::move(cgroup));
}

TEST_P(SpawnerTest, AnotherDescriptorOfThisProgramIsNeitherSeenNorDisturbed) {
  Spawner spawner(OptionsOfTest());
  ASSERT_TRUE(spawner.Probe(nullptr).ok());
  int fds[2];
  // Not close-on-exec, as a careless library would leave it.
  ASSERT_EQ(::pipe(fds), 0);
  UniqueFd read(fds[0]), write(fds[1]);
  SpawnedChild child;
  ASSERT_FALSE(spawner.Spawn(*Command({"ls", "/proc/self/fd"}), {}, std::nullopt, nullptr, &child));
  EXPECT_EQ(ReadAll(child.stdout_pipe), "0\n1\n2\n3\n");
  EXPECT_EQ(ExitCode(child), 0);
  EXPECT_EQ(::write(write.get(), "x", 1), 1);
  char byte = 0;
  EXPECT_EQ(::read(read.get(), &byte, 1), 1);
}

TEST_P(SpawnerTest, TheThreadsOfThisProgramGoOnSharingTheirDescriptors) {
  Spawner spawner(OptionsOfTest());
  ASSERT_TRUE(spawner.Probe(nullptr).ok());
  SpawnedChild child;
  ASSERT_FALSE(spawner.Spawn(*Command({"true"}), {}, std::nullopt, nullptr, &child));
  EXPECT_EQ(ExitCode(child), 0);
  int fds[2];
  ASSERT_EQ(::pipe2(fds, O_CLOEXEC), 0);
  UniqueFd read(fds[0]), write(fds[1]);
  std::thread other([&] { EXPECT_EQ(::write(write.get(), "x", 1), 1); });
  other.join();
  write.Reset();
  EXPECT_EQ(ReadAll(read), "x");
}

}  // namespace
}  // namespace covey::testing
