#include "core/base/file_lock.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace covey {
namespace {

class FileLockTest : public ::testing::Test {
 protected:
  FileLockTest() {
    char name[] = "/tmp/covey-lock-XXXXXX";
    folder_ = mkdtemp(name);
    path_ = folder_ + "/lock";
  }
  ~FileLockTest() override { std::filesystem::remove_all(folder_); }

  // What another process gets that asks for the lock: 0 or errno; the holder that it sees must be this one.
  int TakenElsewhere() const {
    const pid_t child = fork();
    if (child == 0) {
      FileLock lock;
      const int error = lock.Take(path_);
      _exit(error == EWOULDBLOCK && lock.holder() != getppid() ? 200 : error);
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return WEXITSTATUS(status);
  }

  std::string folder_;
  std::string path_;
};

// A lock is a thread, which ThreadSanitizer refuses to a forked child.
#if defined(__SANITIZE_THREAD__)
#define COVEY_NEEDS_THREADS_AFTER_FORK() GTEST_SKIP() << "ThreadSanitizer has no threads in a forked child"
#else
#define COVEY_NEEDS_THREADS_AFTER_FORK() static_cast<void>(0)
#endif

TEST_F(FileLockTest, OneHolderInAllProcessesAndInThis) {
  COVEY_NEEDS_THREADS_AFTER_FORK();
  FileLock lock;
  ASSERT_EQ(lock.Take(path_), 0);
  EXPECT_EQ(TakenElsewhere(), EWOULDBLOCK);
  FileLock second;
  EXPECT_EQ(second.Take(path_), EWOULDBLOCK);
  EXPECT_EQ(second.holder(), getpid());
  EXPECT_EQ(TakenElsewhere(), EWOULDBLOCK) << "the failed attempt has given it up";
  struct stat found {};
  ASSERT_EQ(stat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0600u);
}

TEST_F(FileLockTest, GoesWithItsOwner) {
  COVEY_NEEDS_THREADS_AFTER_FORK();
  {
    FileLock lock;
    ASSERT_EQ(lock.Take(path_), 0);
    FileLock moved = std::move(lock);
    lock.Release();
    EXPECT_EQ(TakenElsewhere(), EWOULDBLOCK);
  }
  EXPECT_EQ(TakenElsewhere(), 0);
  FileLock again;
  EXPECT_EQ(again.Take(path_), 0);
}

// What was wrong with flock(2): a child that has the descriptor outlives the parent.
TEST_F(FileLockTest, AChildDoesNotKeepItsParentsLock) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t parent = fork();
  if (parent == 0) {
    FileLock lock;
    if (lock.Take(path_) != 0) _exit(1);
    const pid_t child = fork();  // with every descriptor
    if (child == 0) {
      pause();
      _exit(0);
    }
    [[maybe_unused]] const ssize_t told = write(ready[1], &child, sizeof child);
    pause();
    _exit(0);
  }
  pid_t child = 0;
  ASSERT_EQ(read(ready[0], &child, sizeof child), static_cast<ssize_t>(sizeof child));
  EXPECT_EQ(TakenElsewhere(), 200) << "held by the parent, not by this process";
  kill(parent, SIGKILL);
  ASSERT_EQ(waitpid(parent, nullptr, 0), parent);
  FileLock lock;
  EXPECT_EQ(lock.Take(path_), 0);
  kill(child, SIGKILL);
  close(ready[0]);
  close(ready[1]);
}

TEST_F(FileLockTest, OnlyRegularFilesAreLocked) {
  FileLock lock;
  EXPECT_EQ(lock.Take(folder_ + "/missing/lock"), ENOENT);
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(lock.Take(path_), EOPNOTSUPP);
  ASSERT_EQ(symlink("elsewhere", (folder_ + "/link").c_str()), 0);
  EXPECT_EQ(lock.Take(folder_ + "/link"), ELOOP);
  EXPECT_EQ(lock.fd(), -1);
}

}  // namespace
}  // namespace covey
