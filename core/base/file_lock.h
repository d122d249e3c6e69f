#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "core/base/unique_fd.h"

namespace covey {

// A lock on a file (flock(2)) that goes with this process, at once, however it ends. Such a lock belongs to the
// open file, and a child that has not executed its program yet has the descriptors of its parent: it would keep
// the lock of one that was killed. So the locked file is open in a thread alone that shares its descriptors
// with nobody. (Where the system does not let a thread do that, the file is open as any other.)
//
// Thread safety: none; different locks are independent, also of one file in one process.
class FileLock {
 public:
  FileLock();
  ~FileLock();
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  // Makes the file (0600) when it is missing, locks it and writes the pid of this process into it, if there is
  // room for that. 0, or what was wrong as errno tells it: EWOULDBLOCK, somebody holds it, maybe in this
  // process; EOPNOTSUPP, it is no regular file. Requires that this holds no lock.
  int Take(const std::string& path);
  // The file stays: to remove it would let two processes lock two files of one name.
  void Release();

  // A descriptor to look at the locked file, not to read or write it (O_PATH); -1 without a lock.
  int fd() const { return file_.get(); }
  // Who holds it, as the file says, when Take has answered EWOULDBLOCK; 0: not known.
  pid_t holder() const { return holder_; }

 private:
  class Keeper;

  std::unique_ptr<Keeper> keeper_;
  UniqueFd file_;
  pid_t holder_ = 0;
};

}  // namespace covey
