#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/unique_fd.h"
#include "core/process/cgroup.h"
#include "core/process/cgroup_place.h"
#include "covey/result.h"

namespace covey {

// Makes the cgroups of one supervisor, below one directory `covey-<owner>-<n>` of its own.
//
// Lifetime: Open finds a place and removes what dead owners left there; the destructor removes the
// directory and requires that every cgroup was released.
// Thread safety: Acquire and Release may be called from any thread.
//
// Invariants:
// 1. While the pool lives it holds the lock on its directory (cgroup_place::Claim).
// 2. A cgroup in free_ is empty, not frozen and has nothing below it.
class CgroupPool {
 public:
  using Log = cgroup_place::Log;

  // `root`: the directory to work below; empty: our own cgroup in the first cgroup2 mount that lets us.
  // kUnimplemented, with the reason, when cgroups cannot be used here.
  static Result<std::unique_ptr<CgroupPool>> Open(const std::string& root, const Log& log);
  ~CgroupPool();
  CgroupPool(const CgroupPool&) = delete;
  CgroupPool& operator=(const CgroupPool&) = delete;

  // Makes the controllers for limits (cpu, memory, pids) usable in the cgroups to come: those that the place
  // has and that may be given to cgroups below it. A cgroup that gives controllers may hold no process: when
  // the place is our own cgroup and this program is alone in it, the program moves into a cgroup beside the
  // pool's, `coveyd-<owner>`, and back at the end. Once, before the first Acquire.
  void EnableControllers();
  // What EnableControllers achieved, sorted.
  const std::vector<std::string>& controllers() const { return controllers_; }

  // A free cgroup, else a new one; nullptr: errno says why.
  std::unique_ptr<Cgroup> Acquire();
  // Takes back a cgroup whose tree is gone.
  void Release(std::unique_ptr<Cgroup> cgroup);

  const std::string& path() const { return path_; }

 private:
  CgroupPool(cgroup_place::Claim claim, bool own, Log log);
  // 0, or an errno.
  int GiveFromPlace(const std::string& controller);

  // Constant after construction.
  const std::string path_;
  const UniqueFd directory_;  // locked
  const bool own_;            // the place is the cgroup that this program was in
  const Log log_;

  // Constant after EnableControllers.
  UniqueFd place_;
  std::vector<std::string> given_;  // what the place did not give before
  std::unique_ptr<cgroup_place::MovedAside> aside_;
  std::vector<std::string> controllers_;

  Mutex mutex_;  // taken last; nothing is called under it but the file system
  std::vector<std::unique_ptr<Cgroup>> free_ COVEY_GUARDED_BY(mutex_);
  uint64_t made_ COVEY_GUARDED_BY(mutex_) = 0;
};

}  // namespace covey
