#include "server/daemon/unix_socket.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "core/process/account.h"

namespace covey {
namespace {

Status SystemError(const std::string& what) { return Status::Error(what + ": " + strerror(errno)); }

}  // namespace

UnixSocketClaim::~UnixSocketClaim() {
  if (lock_ < 0) return;
  unlink(path_.c_str());
  close(lock_);  // the lock's file stays: removing it would let two daemons lock two files of one name
}

Status UnixSocketClaim::Claim() {
  const std::filesystem::path directory = std::filesystem::path(path_).parent_path();
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error)
    return Status::Error("cannot make directory " + directory.string() +
                         " of the socket: " + error.message());
  const std::string lock_path = path_ + ".lock";
  lock_ = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock_ < 0) return SystemError("cannot open " + lock_path);
  if (flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    const bool taken = errno == EWOULDBLOCK;
    Status status =
        taken ? Status::Error("another daemon serves " + path_) : SystemError("cannot lock " + lock_path);
    close(lock_);
    lock_ = -1;
    return status;
  }
  struct stat found {};
  if (lstat(path_.c_str(), &found) == 0) {
    if (!S_ISSOCK(found.st_mode)) return Status::Error(path_ + " exists and is no socket");
    if (unlink(path_.c_str()) != 0) return SystemError("cannot remove the old socket " + path_);
  }
  return Status::Ok();
}

Status UnixSocketClaim::Permit(uint32_t mode, const std::string& group) {
  struct stat info {};
  if (stat(path_.c_str(), &info) != 0) return SystemError("cannot look at " + path_);
  if (!made_group_) made_group_ = info.st_gid;
  gid_t wanted = *made_group_;
  if (!group.empty()) {
    Account account;
    if (FindAccount("", group, &account)) {
      return Status::Error("socket_group must be a group of this system, got " + group);
    }
    wanted = account.group;
  }
  // Closed to all but the owner in between: nobody gets what only the old group, or the new one, may have.
  if (wanted != info.st_gid &&
      (chmod(path_.c_str(), mode & 0700) != 0 || chown(path_.c_str(), static_cast<uid_t>(-1), wanted) != 0)) {
    Status status = SystemError("cannot give " + path_ + " to group " + group);
    chmod(path_.c_str(), info.st_mode & 07777);
    return status;
  }
  if (chmod(path_.c_str(), mode) != 0) return SystemError("cannot set the mode of " + path_);
  return Status::Ok();
}

}  // namespace covey
