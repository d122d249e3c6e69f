#pragma once

#include <string>

#include "core/base/unique_fd.h"
#include "covey/result.h"

namespace covey {

// Ownership of a data directory: a lock on its file "lock", which holds the pid of the owner. The lock goes
// with the process, however it ends.
class DataLock {
 public:
  // Makes the directory (0700) and its parents where they are missing. kFailedPrecondition when it is in use.
  static Result<DataLock> Take(const std::string& directory);

  DataLock() = default;

 private:
  UniqueFd fd_;
};

// Makes a file that is not there, and one that is there, readable by its owner alone.
Result<Void> MakePrivateFile(const std::string& path);

}  // namespace covey
