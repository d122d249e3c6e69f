#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>

#include "core/base/unique_fd.h"

namespace covey {

// A lock on a file that belongs to this process and goes with it, at once, however it ends. (One by flock(2)
// belongs to the open file: a child that is about to execute its program has that as well, and keeps the lock
// of a parent that was killed.)
//
// The kernel gives the lock up when any descriptor of the file is closed in this process: a file that may be
// locked here is opened by Take alone.
//
// Thread safety: different locks may be taken and let go by different threads, also of one file.
class FileLock {
 public:
  FileLock() = default;
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock() { Release(); }

  // Makes the file (0600) when it is missing, and locks it. 0, or what was wrong as errno tells it:
  // EWOULDBLOCK, somebody holds it, maybe in this process; EOPNOTSUPP, it is no regular file. Requires that
  // this holds no lock.
  int Take(const std::string& path);
  // The file stays: to remove it would let two processes lock two files of one name.
  void Release();

  // Of the locked file; -1 without a lock.
  int fd() const { return fd_.get(); }
  // Who was seen to hold it when Take has answered EWOULDBLOCK; 0: not known.
  pid_t holder() const { return holder_; }
  explicit operator bool() const { return static_cast<bool>(fd_); }

 private:
  using FileId = std::pair<dev_t, ino_t>;

  UniqueFd fd_;
  std::optional<FileId> id_;
  pid_t holder_ = 0;
};

}  // namespace covey
