#include "core/process/cgroup_directory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "tests/core/process/process_testing.h"

namespace covey::testing {
namespace {

// A plain directory with the files of a cgroup whose kernel has no cgroup.kill.
class CgroupDirectoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fd_ = cgroup_directory::Open(AT_FDCWD, directory_.path().c_str());
    ASSERT_TRUE(static_cast<bool>(fd_));
  }
  void TearDown() override {
    for (const pid_t child : children_) {
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
    }
  }

  pid_t StartChild() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return -1;
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(ends[0]);
      for (char byte = 0; ::read(ends[1], &byte, 1) == 1;) static_cast<void>(!::write(ends[1], &byte, 1));
      ::_exit(0);
    }
    ::close(ends[1]);
    children_.push_back(child);
    lines_[child].Reset(ends[0]);
    return child;
  }
  // The child answers: it was sent no SIGKILL, for none runs on after that.
  bool Lives(pid_t child) {
    char byte = 'x';
    const int line = lines_[child].get();
    return ::send(line, &byte, 1, MSG_NOSIGNAL) == 1 && ::read(line, &byte, 1) == 1;
  }
  std::string Procs() const { return directory_.path() + "/cgroup.procs"; }

  TemporaryDirectory directory_;
  UniqueFd fd_;
  std::vector<pid_t> children_;
  std::map<pid_t, UniqueFd> lines_;
};

TEST_F(CgroupDirectoryTest, WithoutCgroupKillEachMemberIsKilled) {
  const pid_t here = StartChild();
  const pid_t below = StartChild();
  const pid_t elsewhere = StartChild();
  ASSERT_EQ(::mkdir((directory_.path() + "/below").c_str(), 0755), 0);
  std::ofstream(Procs()) << "0\n" << here << "\n";
  std::ofstream(directory_.path() + "/below/cgroup.procs") << below << "\n";
  EXPECT_EQ(cgroup_directory::Members(fd_.get()), (std::vector<int>{here, below}));
  cgroup_directory::Kill(fd_.get());
  for (const pid_t child : {here, below}) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
  }
  EXPECT_TRUE(Lives(elsewhere));
  children_ = {elsewhere};
}

// A member ends after the list was read, and somebody else gets its pid: the second look does not list it.
TEST_F(CgroupDirectoryTest, WhoIsNoMemberAnyMoreWhenItIsPinnedIsNotSignalled) {
  const pid_t other = StartChild();
  ASSERT_EQ(::mkfifo(Procs().c_str(), 0600), 0);
  std::atomic<bool> over = false;
  std::thread kernel([&] {
    const std::string text = std::to_string(other) + "\n";
    UniqueFd first(::open(Procs().c_str(), O_WRONLY | O_CLOEXEC));
    EXPECT_EQ(::write(first.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    first.Reset();
    // From now on there is nobody in it.
    while (!over) {
      UniqueFd again(::open(Procs().c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
      again.Reset();
      std::this_thread::yield();
    }
  });
  cgroup_directory::Kill(fd_.get());
  over = true;
  kernel.join();
  EXPECT_TRUE(Lives(other));
}

}  // namespace
}  // namespace covey::testing
