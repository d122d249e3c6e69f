#include "core/base/file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <thread>
#include <utility>

#include "core/base/mutex.h"

namespace covey {
namespace {

constexpr unsigned kUnshare = 2;  // CLOSE_RANGE_UNSHARE, which older headers do not have

// From here on this thread has descriptors of its own, and none of the others'. False: it cannot be had.
bool LeaveDescriptors() {
#ifdef SYS_close_range
  if (::syscall(SYS_close_range, 0U, ~0U, kUnshare) == 0) return true;
#endif
  if (::unshare(CLONE_FILES) != 0) return false;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return true;
  for (rlim_t fd = 0; fd < limit.rlim_cur && fd < 65536; ++fd) ::close(static_cast<int>(fd));
  return true;
}

pid_t ReadPid(int fd) {
  char text[32];
  const ssize_t size = ::pread(fd, text, sizeof text, 0);
  pid_t pid = 0;
  if (size > 0) std::from_chars(text, text + size, pid);
  return pid;
}

// The pid is a help for people: that it cannot be written does no harm.
void WritePid(int fd) {
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd, 0) != 0) return;
  [[maybe_unused]] const ssize_t written = ::pwrite(fd, pid.data(), pid.size(), 0);
}

}  // namespace

// The thread that has the file open, and with it the lock.
class FileLock::Keeper {
 public:
  explicit Keeper(std::string path) : path_(std::move(path)) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);  // no signal of the program is for it
    thread_ = std::thread([this] { Keep(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  ~Keeper() {
    {
      MutexLock lock(mutex_);
      released_ = true;
      changed_.NotifyAll();
    }
    thread_.join();
  }

  // 0, or errno.
  int Await(pid_t* holder) COVEY_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (!tried_) changed_.Wait(mutex_);
    *holder = holder_;
    return error_;
  }

 private:
  void Keep() COVEY_EXCLUDES(mutex_) {
    pthread_setname_np(pthread_self(), "file-lock");
    const bool alone = LeaveDescriptors();
    UniqueFd fd(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
    pid_t holder = 0;
    const int error = fd && (alone || fd.LeaveStdio()) ? Lock(fd.get(), &holder) : errno;
    MutexLock lock(mutex_);
    tried_ = true;
    error_ = error;
    holder_ = holder;
    changed_.NotifyAll();
    while (!released_) changed_.Wait(mutex_);
  }

  static int Lock(int fd, pid_t* holder) {
    struct stat found {};
    if (::fstat(fd, &found) != 0) return errno;
    if (!S_ISREG(found.st_mode)) return EOPNOTSUPP;
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      const int error = errno;
      if (error == EWOULDBLOCK) *holder = ReadPid(fd);
      return error;
    }
    WritePid(fd);
    return 0;
  }

  const std::string path_;
  std::thread thread_;

  Mutex mutex_;
  CondVar changed_;
  bool tried_ COVEY_GUARDED_BY(mutex_) = false;
  int error_ COVEY_GUARDED_BY(mutex_) = 0;
  pid_t holder_ COVEY_GUARDED_BY(mutex_) = 0;
  bool released_ COVEY_GUARDED_BY(mutex_) = false;
};

FileLock::FileLock() = default;
FileLock::FileLock(FileLock&&) noexcept = default;
FileLock::~FileLock() = default;

FileLock& FileLock::operator=(FileLock&& other) noexcept = default;

int FileLock::Take(const std::string& path) {
  auto keeper = std::make_unique<Keeper>(path);
  if (const int error = keeper->Await(&holder_); error != 0) return error;
  UniqueFd file(::open(path.c_str(), O_PATH | O_CLOEXEC | O_NOFOLLOW));
  if (!file || !file.LeaveStdio()) return errno;
  keeper_ = std::move(keeper);
  file_ = std::move(file);
  return 0;
}

void FileLock::Release() {
  keeper_.reset();
  file_.Reset();
}

}  // namespace covey
