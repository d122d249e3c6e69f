#include "server/journal/data_lock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/make_directory.h"
#include "core/base/unique_fd.h"

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

}  // namespace

Result<DataLock> DataLock::Take(const std::string& directory) {
  if (Result<Void> made = MakeDataDirectory(directory); !made.ok()) return made.error();
  const std::string path = directory + "/lock";
  DataLock lock;
  if (const int error = lock.lock_.Take(path); error == EWOULDBLOCK) {
    const pid_t holder = lock.lock_.holder();
    return Error{.code = ErrorCode::kFailedPrecondition,
                 .reason = "DATA_DIR_IN_USE",
                 .message = "data directory " + directory + " is in use by " +
                            (holder > 0 ? "pid " + std::to_string(holder) : "another process")};
  } else if (error != 0) {
    errno = error;
    return SystemError(path, "lock the file");
  }
  // The pid is a help for people: a full disk must not keep the journal from opening.
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock.lock_.fd(), 0) == 0) {
    [[maybe_unused]] const ssize_t written = ::pwrite(lock.lock_.fd(), pid.data(), pid.size(), 0);
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
