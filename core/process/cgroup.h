#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/status.h"
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
  // SIGKILL to every process in it and below it; without cgroup.kill (Linux before 5.14) one by one, so
  // that it must be repeated until Empty().
  void Kill() const;
  // Puts the limits of a tree on it, before the tree is in. What went wrong, if anything did.
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

// Makes the cgroups of one supervisor, below one directory `covey-<pid>-<n>` of its own.
//
// Lifetime: Open finds a place and removes what dead owners left there; the destructor removes the
// directory and requires that every cgroup was released.
// Thread safety: Acquire and Release may be called from any thread.
//
// Invariants:
// 1. While the pool lives it holds an flock on its directory. A directory that can be locked has a dead
//    owner: that is how stale ones are told, whatever pid namespace their owner lived in.
// 2. A cgroup in free_ is empty, not frozen and has nothing below it.
class CgroupPool {
 public:
  using Log = std::function<void(std::string_view)>;

  // `root`: the directory to work below; empty: our own cgroup in the first cgroup2 mount that lets us.
  // On failure the message says why cgroups cannot be used.
  static Status Open(const std::string& root, const Log& log, std::unique_ptr<CgroupPool>* out);
  ~CgroupPool();
  CgroupPool(const CgroupPool&) = delete;
  CgroupPool& operator=(const CgroupPool&) = delete;

  // Makes the controllers for limits (cpu, memory, pids) usable in the cgroups to come: those that the place
  // has and that may be given to cgroups below it. A cgroup that gives controllers may hold no process: when
  // the place is our own cgroup and this program is alone in it, the program moves into a cgroup beside the
  // pool's, `coveyd-<pid>`, and back at the end. Once, before the first Acquire.
  void EnableControllers();
  // What EnableControllers achieved, sorted.
  const std::vector<std::string>& controllers() const { return controllers_; }

  // A free cgroup, else a new one; nullptr: errno says why.
  std::unique_ptr<Cgroup> Acquire();
  // Takes back a cgroup whose tree is gone.
  void Release(std::unique_ptr<Cgroup> cgroup);

  const std::string& path() const { return path_; }

 private:
  CgroupPool(std::string path, UniqueFd directory, bool own, Log log);
  bool MoveAside();
  void MoveBack();

  // Constant after construction.
  const std::string path_;
  const UniqueFd directory_;  // locked
  const bool own_;            // the place is the cgroup that this program was in
  const Log log_;

  // Constant after EnableControllers.
  UniqueFd parent_;
  std::vector<std::string> given_;  // what the place did not give before
  std::string aside_;               // name of the cgroup that we moved to
  std::vector<std::string> controllers_;

  Mutex mutex_;  // taken last; nothing is called under it but the file system
  std::vector<std::unique_ptr<Cgroup>> free_ COVEY_GUARDED_BY(mutex_);
  uint64_t made_ COVEY_GUARDED_BY(mutex_) = 0;
};

}  // namespace covey
