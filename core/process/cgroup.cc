#include "core/process/cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "core/process/cgroup_directory.h"
#include "core/process/cgroup_limits.h"

namespace covey {

bool Cgroup::Empty() const { return !cgroup_directory::HasFlag(events_.get(), "populated 1"); }

std::vector<int> Cgroup::Members() const { return cgroup_directory::Members(directory_.get()); }

bool Cgroup::Kill() const {
  killed_ = true;
  return cgroup_directory::Kill(directory_.get());
}

std::optional<std::string> Cgroup::Limit(const ResourceLimits& limits) const {
  limited_ = true;
  return cgroup_limits::Apply(directory_.get(), limits);
}

bool Cgroup::MemoryRanOut() const { return cgroup_limits::MemoryRanOut(directory_.get()); }

UniqueFd Cgroup::OpenProcs() const {
  UniqueFd fd(::openat(directory_.get(), "cgroup.procs", O_WRONLY | O_CLOEXEC));
  if (!fd.LeaveStdio()) fd.Reset();
  return fd;
}

bool Cgroup::Reusable() const {
  struct stat status {};
  // A directory of this file system has one link for each directory in it, and two.
  return !killed_ && !limited_ && ::fstat(directory_.get(), &status) == 0 && status.st_nlink == 2 &&
         cgroup_directory::HasFlag(events_.get(), "populated 0\nfrozen 0\n");
}

}  // namespace covey
