#include "core/base/file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>

#include "core/base/mutex.h"

namespace covey {
namespace {

// The files that are locked in this process, for which the kernel grants a second lock. Held from the look at
// a file to the end of its lock's making, so that no descriptor of a file that is locked here is ever closed.
Mutex g_locked_mutex;

std::set<std::pair<dev_t, ino_t>>& Locked() COVEY_REQUIRES(g_locked_mutex) {
  static auto* const kLocked = new std::set<std::pair<dev_t, ino_t>>;
  static pid_t process = 0;
  if (process != ::getpid()) kLocked->clear();  // a fork inherits no lock
  process = ::getpid();
  return *kLocked;
}

struct flock WholeFile() {
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  return whole;
}

}  // namespace

FileLock::FileLock(FileLock&& other) noexcept
    : fd_(std::move(other.fd_)), id_(std::exchange(other.id_, std::nullopt)), holder_(other.holder_) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  if (this == &other) return *this;
  Release();
  fd_ = std::move(other.fd_);
  id_ = std::exchange(other.id_, std::nullopt);
  holder_ = other.holder_;
  return *this;
}

int FileLock::Take(const std::string& path) {
  MutexLock lock(g_locked_mutex);
  struct stat found {};
  if (::stat(path.c_str(), &found) == 0 && Locked().contains({found.st_dev, found.st_ino})) {
    holder_ = ::getpid();
    return EWOULDBLOCK;
  }
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  if (!fd || !fd.LeaveStdio() || ::fstat(fd.get(), &found) != 0) return errno;
  if (!S_ISREG(found.st_mode)) return EOPNOTSUPP;
  struct flock wanted = WholeFile();
  if (::fcntl(fd.get(), F_SETLK, &wanted) != 0) {
    if (errno != EAGAIN && errno != EACCES) return errno;
    struct flock held = WholeFile();
    holder_ = ::fcntl(fd.get(), F_GETLK, &held) == 0 && held.l_type != F_UNLCK ? held.l_pid : 0;
    return EWOULDBLOCK;
  }
  id_ = FileId(found.st_dev, found.st_ino);
  Locked().insert(*id_);
  fd_ = std::move(fd);
  return 0;
}

void FileLock::Release() {
  if (!id_) return;
  MutexLock lock(g_locked_mutex);
  fd_.Reset();
  Locked().erase(*id_);
  id_.reset();
}

}  // namespace covey
