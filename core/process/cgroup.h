#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/unique_fd.h"
#include "core/process/process.h"

namespace covey {

// One cgroup (version 2) directory that holds one tree of processes at a time.
//
// Thread safety: none of its own; whoever acquired it from the CgroupPool uses it.
class Cgroup {
 public:
  // Of the directory: for CLONE_INTO_CGROUP.
  int directory() const { return directory_.get(); }

  // No process is in it or below it. A process that is ending counts until the kernel has let go of it.
  bool Empty() const;
  // Processes in it and below it, without zombies.
  std::vector<int> Members() const;
  // SIGKILL to every process in it and below it. To be repeated until Empty(): see cgroup_directory::Kill.
  bool Kill() const;
  // Puts the limits of a tree on it, before the tree is in. What went wrong, if anything did; errno says it too.
  std::optional<std::string> Limit(const ResourceLimits& limits) const;
  // The kernel has killed something of it for want of memory.
  bool MemoryRanOut() const;
  // Opens cgroup.procs for a child that joins by itself.
  UniqueFd OpenProcs() const;

 private:
  friend class CgroupPool;
  Cgroup(std::string name, UniqueFd directory, UniqueFd events)
      : name_(std::move(name)), directory_(std::move(directory)), events_(std::move(events)) {}

  // Empty, not frozen, without cgroups below it, never killed and never limited: fit for another tree. (What
  // a limited one is still charged for, such as cached files, would count for the next.) Recent kernels (seen
  // with 6.18) count the writes to cgroup.kill so as to catch forks that race with one, and take a child that
  // is born (CLONE_INTO_CGROUP) in a cgroup whose count is not that of its parent's for such a fork: it dies
  // at once.
  bool Reusable() const;

  std::string name_;
  UniqueFd directory_;
  mutable bool killed_ = false;
  mutable bool limited_ = false;
  UniqueFd events_;  // cgroup.events, kept open: it is read once for each process that ends
};

}  // namespace covey
