#include "server/daemon/unix_socket.h"

#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

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
    const Status status =
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
  if (!group.empty()) {
    errno = 0;
    const struct group* entry = getgrnam(group.c_str());
    if (entry == nullptr) return Status::Error("--socket-group must be the name of a group, got " + group);
    if (chown(path_.c_str(), static_cast<uid_t>(-1), entry->gr_gid) != 0) {
      return SystemError("cannot give " + path_ + " to group " + group);
    }
  }
  if (chmod(path_.c_str(), mode) != 0) return SystemError("cannot set the mode of " + path_);
  return Status::Ok();
}

}  // namespace covey
