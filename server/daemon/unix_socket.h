#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/file_lock.h"
#include "core/base/unique_fd.h"
#include "covey/status.h"

namespace covey {

// A unix socket of this daemon, at one path, from before it is bound to after it was closed.
//
// The socket is bound in a directory of its own that nobody else may enter, gets its mode and group there,
// and is then renamed to its path: nobody meets it with other permissions than those that were asked for, and
// the umask of the process is left alone. What is at the path and is not known to be a socket that nobody
// serves any more is never replaced, and only the very socket that was put there is removed in the end.
//
// Life: Claim, Stage, the bind, Publish, Permit as often as wanted, Withdraw, the close, destruction. A lock
// on PATH.lock is held from Claim on, so that two daemons do not take one path from each other.
//
// Thread safety: none.
class UnixSocket {
 public:
  explicit UnixSocket(std::string path) : path_(std::move(path)) {}
  ~UnixSocket();
  UnixSocket(const UnixSocket&) = delete;
  UnixSocket& operator=(const UnixSocket&) = delete;

  const std::string& path() const { return path_; }

  // Makes the directory (0755) when it is not there and takes the lock. Refuses a path at which there is
  // anything but a socket without a server.
  Status Claim();
  // Makes the place to bind at. Short, however long the path is.
  Status Stage();
  const std::string& staged_path() const { return staged_path_; }
  // After the bind: permissions as in Permit, then the socket is there for everybody.
  Status Publish(uint32_t mode, const std::string& group);
  // Changes the permissions of the socket: its mode, and its group by name or number; empty: the one that it
  // was made with. After a failure they are as before. Fails when the path has become somebody else's.
  Status Permit(uint32_t mode, const std::string& group);
  // Removes the socket from its path. Before it is closed: until then no other can have its inode.
  void Withdraw();

 private:
  Status CheckPath() const;
  Status PermitAt(const std::string& path, const struct stat& now, uint32_t mode, const std::string& group);
  bool IsOurs(const struct stat& found) const;
  void RemoveStage();

  const std::string path_;
  FileLock lock_;
  UniqueFd stage_;          // the directory that the socket is bound in; open as long as staged_path_ is used
  std::string stage_path_;  // empty: it is gone
  std::string staged_path_;               // of the socket, by way of stage_
  std::optional<struct stat> published_;  // the socket as it was put at path_
};

}  // namespace covey
