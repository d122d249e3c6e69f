#pragma once

#include <string>

#include "core/base/file_lock.h"
#include "covey/result.h"

namespace covey {

// Ownership of a data directory: a lock on its file "lock", which holds the pid of the owner. The lock goes
// with the process, however it ends.
class DataLock {
 public:
  // Makes the directory (0700) and its parents where they are missing. kFailedPrecondition when it is in use,
  // or is one that others may write to or look into: who can plant a journal there has programs run as the
  // daemon.
  static Result<DataLock> Take(const std::string& directory);

  DataLock() = default;

  // The descriptor of the lock's file.
  int fd() const { return lock_.fd(); }

 private:
  FileLock lock_;
};

// Makes a file that is not there, and one that is there, readable by its owner alone.
Result<Void> MakePrivateFile(const std::string& path);

// Makes what was made, renamed or removed in a directory durable.
Result<Void> SyncDirectory(const std::string& path);

// What a system call on a path of the data directory failed with, told with what is to be done about it.
Error DataDirectoryError(const std::string& path, const char* what);

}  // namespace covey
