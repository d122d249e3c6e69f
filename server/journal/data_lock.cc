#include "server/journal/data_lock.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "core/base/make_directory.h"
#include "core/base/unique_fd.h"

namespace covey {

Error DataDirectoryError(const std::string& path, const char* what) {
  const int code = errno;
  const bool full = code == ENOSPC || code == EDQUOT;
  return {.code = full ? ErrorCode::kResourceExhausted : ErrorCode::kFailedPrecondition,
          .reason = "DATA_DIR_UNUSABLE",
          .message = path + ": cannot " + what + ": " + std::strerror(code)};
}

Result<Void> SyncDirectory(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return DataDirectoryError(path, "sync the directory");
  return Void{};
}

namespace {

// A new directory is durable only once its parent is.
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
  return DataDirectoryError(path, "make the directory");
}

std::string UserName(uid_t uid) {
  passwd entry{};
  passwd* found = nullptr;
  char buffer[4096];
  if (::getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) != 0 || found == nullptr) {
    return "uid " + std::to_string(uid);
  }
  return found->pw_name;
}

// Refuses a directory that is somebody else's, or open to others.
Result<Void> CheckPrivate(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return DataDirectoryError(path, "look at the directory");
  Error error{.code = ErrorCode::kFailedPrecondition, .reason = "DATA_DIR_UNUSABLE"};
  if (!S_ISDIR(found.st_mode)) {
    error.message = "data directory " + path + " is no directory";
    return error;
  }
  const std::string self = UserName(::geteuid());
  if (found.st_uid != ::geteuid()) {
    const std::string owner = UserName(found.st_uid);
    error.message = "data directory " + path + " belongs to " + owner + ", and the daemon runs as " + self +
                    ": run it as " + owner + ", or, when what is in it can be trusted, chown -R " + self +
                    " " + path;
    return error;
  }
  if ((found.st_mode & 077) != 0) {
    char mode[8];
    std::snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(found.st_mode & 07777));
    error.message = "data directory " + path + " is open to others (mode " + mode +
                    "), who could read secrets of tasks or have programs run as " + self +
                    ": when what is in it can be trusted, chmod 700 " + path;
    return error;
  }
  return Void{};
}

}  // namespace

Result<DataLock> DataLock::Take(const std::string& directory) {
  if (Result<Void> made = MakeDataDirectory(directory); !made.ok()) return made.error();
  if (Result<Void> checked = CheckPrivate(directory); !checked.ok()) return checked.error();
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
    return DataDirectoryError(path, "lock the file");
  }
  return lock;
}

Result<Void> MakePrivateFile(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0) return DataDirectoryError(path, "open the file");
  if ((info.st_mode & 0077) != 0 && ::fchmod(fd.get(), 0600) != 0)
    return DataDirectoryError(path, "make the file private");
  return Void{};
}

}  // namespace covey
