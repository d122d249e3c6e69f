#include "server/journal/data_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/make_directory.h"

namespace covey {
namespace {

Error SystemError(const std::string& path, const char* what) {
  const int code = errno;
  return {.code = code == ENOSPC ? ErrorCode::kResourceExhausted : ErrorCode::kFailedPrecondition,
          .reason = "DATA_DIR_UNUSABLE",
          .message = path + ": cannot " + what + ": " + std::strerror(code)};
}

// A new directory is durable only once its parent is.
Result<Void> SyncDirectory(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return SystemError(path, "sync the directory");
  return Void{};
}

Result<Void> MakeDataDirectory(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const size_t slash = path.find_last_of('/');
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, std::max<size_t>(slash, 1));
  for (const bool retry : {false, true}) {
    if (MakeDirectory(path, 0700)) return SyncDirectory(parent);
    if (errno == EEXIST) return Void{};
    if (errno != ENOENT || retry) break;
    if (Result<Void> made = MakeDataDirectory(parent); !made.ok()) return made;
  }
  return SystemError(path, "make the directory");
}

std::string Owner(int fd) {
  char text[32];
  const ssize_t size = ::pread(fd, text, sizeof text, 0);
  std::string pid(text, size > 0 ? static_cast<size_t>(size) : 0);
  while (!pid.empty() && pid.back() == '\n') pid.pop_back();
  return pid.empty() ? "another process" : "pid " + pid;
}

}  // namespace

Result<DataLock> DataLock::Take(const std::string& directory) {
  if (Result<Void> made = MakeDataDirectory(directory); !made.ok()) return made.error();
  const std::string path = directory + "/lock";
  DataLock lock;
  lock.fd_.Reset(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock.fd_ || !lock.fd_.LeaveStdio()) return SystemError(path, "open the lock file");
  if (::flock(lock.fd_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return SystemError(path, "lock");
    return Error{.code = ErrorCode::kFailedPrecondition,
                 .reason = "DATA_DIR_IN_USE",
                 .message = "data directory " + directory + " is in use by " + Owner(lock.fd_.get())};
  }
  // The pid is a help for people: a full disk must not keep the journal from opening.
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock.fd_.get(), 0) == 0) {
    [[maybe_unused]] const ssize_t written = ::pwrite(lock.fd_.get(), pid.data(), pid.size(), 0);
  }
  return lock;
}

Result<Void> MakePrivateFile(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0) return SystemError(path, "open the file");
  if ((info.st_mode & 0077) != 0 && ::fchmod(fd.get(), 0600) != 0)
    return SystemError(path, "make the file private");
  return Void{};
}

}  // namespace covey
