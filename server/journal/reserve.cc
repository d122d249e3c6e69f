#include "server/journal/reserve.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "core/base/unique_fd.h"

namespace covey {

bool Reserve::Keep() {
  if (kept_) return true;
  const UniqueFd fd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  struct stat found {};
  if (!fd || ::fstat(fd.get(), &found) != 0 || !S_ISREG(found.st_mode)) return false;
  kept_ = ::posix_fallocate(fd.get(), 0, kBytes) == 0;
  if (!kept_ && ::ftruncate(fd.get(), 0) != 0) return false;  // what could not be had is given back
  return kept_;
}

bool Reserve::Release() {
  if (!kept_) return false;
  kept_ = false;
  const UniqueFd fd(::open(path_.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  return fd && ::ftruncate(fd.get(), 0) == 0;
}

}  // namespace covey
