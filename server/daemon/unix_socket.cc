#include "server/daemon/unix_socket.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "core/base/make_directory.h"
#include "core/process/account.h"
#include "server/daemon/inheritance.h"

namespace covey {
namespace {

constexpr char kStagedName[] = "s";

Status SystemError(const std::string& what) { return Status::Error(what + ": " + strerror(errno)); }

// How a connection to the socket at `path` fails: ECONNREFUSED, nobody serves it; 0: somebody does.
int TryConnect(const std::string& path) {
  const UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return errno;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  std::copy(path.begin(), path.end(), address.sun_path);
  if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return 0;
  return errno;
}

// A socket of a daemon that was killed is there for a moment more: in its children that are about to execute.
int TryConnectPatiently(const std::string& path) {
  const auto end = std::chrono::steady_clock::now() + kInheritance;
  for (;;) {
    const int error = TryConnect(path);
    if ((error != 0 && error != EAGAIN) || std::chrono::steady_clock::now() >= end) return error;
    std::this_thread::sleep_for(kInheritance / 50);
  }
}

}  // namespace

// The lock's file stays: removing it would let two daemons lock two files of one name.
UnixSocket::~UnixSocket() {
  Withdraw();
  RemoveStage();
}

void UnixSocket::Withdraw() {
  struct stat found {};
  if (lstat(path_.c_str(), &found) == 0 && IsOurs(found)) unlink(path_.c_str());
  published_.reset();
}

bool UnixSocket::IsOurs(const struct stat& found) const {
  return published_ && found.st_dev == published_->st_dev && found.st_ino == published_->st_ino;
}

Status UnixSocket::Claim() {
  const std::string directory = path_.substr(0, path_.find_last_of('/'));
  if (!MakeDirectories(directory, 0755)) {
    return SystemError("cannot make directory " + directory + " of the socket");
  }
  const std::string lock_path = path_ + ".lock";
  switch (const int error = lock_.Take(lock_path)) {
    case 0:
      return CheckPath();
    case EWOULDBLOCK:
      return Status::Error("another daemon serves " + path_);
    case EOPNOTSUPP:
      return Status::Error("cannot lock " + lock_path + ": it exists and is no file");
    default:
      errno = error;
      return SystemError("cannot lock " + lock_path);
  }
}

// Refuses to replace what is at the path, unless it is a socket that a dead daemon left.
Status UnixSocket::CheckPath() const {
  struct stat found {};
  if (lstat(path_.c_str(), &found) != 0) {
    return errno == ENOENT ? Status::Ok() : SystemError("cannot look at " + path_);
  }
  if (!S_ISSOCK(found.st_mode)) return Status::Error(path_ + " exists and is no socket");
  switch (const int error = TryConnectPatiently(path_)) {
    case ECONNREFUSED:
    case ENOENT:  // it has just gone
      return Status::Ok();
    case 0:
    case EAGAIN:      // somebody serves it, with many connections waiting
    case EPROTOTYPE:  // somebody serves it, otherwise than by streams
      return Status::Error("another program serves " + path_);
    default:
      return Status::Error(path_ +
                           " exists, and whether a program serves it cannot be told: " + strerror(error));
  }
}

Status UnixSocket::Stage() {
  std::string name = path_ + ".XXXXXX";
  if (mkdtemp(name.data()) == nullptr) return SystemError("cannot make a directory beside " + path_);
  stage_path_ = name;
  struct stat made {};
  if (lstat(name.c_str(), &made) != 0) return SystemError("cannot look at " + name);
  if ((made.st_mode & 0700) != 0700 && chmod(name.c_str(), made.st_mode | 0700) != 0) {  // the umask
    return SystemError("cannot set the mode of " + name);
  }
  stage_.Reset(open(stage_path_.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!stage_ || !stage_.LeaveStdio()) return SystemError("cannot open " + stage_path_);
  // The address of a socket has 108 bytes: too few for a path with a directory more.
  staged_path_ = "/proc/self/fd/" + std::to_string(stage_.get()) + "/" + kStagedName;
  return Status::Ok();
}

Status UnixSocket::Publish(uint32_t mode, const std::string& group) {
  const std::string staged = stage_path_ + "/" + kStagedName;
  struct stat made {};
  if (lstat(staged.c_str(), &made) != 0) return SystemError("cannot look at the socket for " + path_);
  if (Status status = PermitAt(staged, made, mode, group); !status.ok()) return status;
  if (Status status = CheckPath(); !status.ok()) return status;
  if (rename(staged.c_str(), path_.c_str()) != 0) return SystemError("cannot make " + path_);
  published_ = made;
  RemoveStage();
  return Status::Ok();
}

void UnixSocket::RemoveStage() {
  if (stage_path_.empty()) return;
  if (stage_) unlinkat(stage_.get(), kStagedName, 0);
  rmdir(stage_path_.c_str());
  stage_path_.clear();
}

Status UnixSocket::Permit(uint32_t mode, const std::string& group) {
  struct stat now {};
  if (lstat(path_.c_str(), &now) != 0) return SystemError("cannot look at " + path_);
  if (!IsOurs(now)) return Status::Error(path_ + " is not the socket of this daemon any more");
  return PermitAt(path_, now, mode, group);
}

Status UnixSocket::PermitAt(const std::string& path, const struct stat& now, uint32_t mode,
                            const std::string& group) {
  gid_t wanted = published_ ? published_->st_gid : now.st_gid;
  if (!group.empty()) {
    Account account;
    if (FindAccount("", group, &account)) {
      return Status::Error("socket_group must be a group of this system, got " + group);
    }
    wanted = account.group;
  }
  // Closed to all but the owner in between: nobody gets what only the old group, or the new one, may have.
  if (wanted != now.st_gid &&
      (chmod(path.c_str(), mode & 0700) != 0 || chown(path.c_str(), static_cast<uid_t>(-1), wanted) != 0)) {
    Status status = SystemError("cannot give " + path_ + " to group " + group);
    chmod(path.c_str(), now.st_mode & 07777);
    return status;
  }
  if (chmod(path.c_str(), mode) != 0) return SystemError("cannot set the mode of " + path_);
  return Status::Ok();
}

}  // namespace covey
