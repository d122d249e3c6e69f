#pragma once

#include <sys/types.h>

#include "core/base/unique_fd.h"

namespace covey {

// The ways to get a child that shares our memory until it executes, best first.
enum class CloneWay {
  kClone3,         // clone3: pidfd, cgroup and descriptor table in the one call (x86-64)
  kClone,          // clone with CLONE_PIDFD, where seccomp filters refuse clone3 (Docker's default does)
  kCloneThenOpen,  // clone, then pidfd_open
};

// Memory for the stack of one child at a time; guarded below.
class ChildStack {
 public:
  ChildStack();
  ~ChildStack();
  ChildStack(const ChildStack&) = delete;
  ChildStack& operator=(const ChildStack&) = delete;

  bool ok() const { return base_ != nullptr; }
  char* lowest() const { return base_ + kGuard; }
  static constexpr size_t kSize = 64 * 1024;

 private:
  static constexpr size_t kGuard = 4096;
  char* base_ = nullptr;
};

struct Clone {
  pid_t pid = -1;
  UniqueFd pidfd;
  int error = 0;         // errno when pid is -1
  bool has_run = false;  // though pid is -1: the child could not be pinned, and was killed
};

// Runs `run(argument)` in a child that shares our memory (CLONE_VM) and stops the calling thread until it
// has executed another program or ended (CLONE_VFORK). Requires every signal to be blocked in the caller.
// `share_descriptors`: the child starts on our table of descriptors (CLONE_FILES) instead of a copy.
// `cgroup_fd` >= 0: the child is born in that cgroup; only kClone3 can, the others answer EOPNOTSUPP.
Clone CloneVfork(CloneWay way, const ChildStack& stack, bool share_descriptors, int cgroup_fd,
                 int (*run)(void*), void* argument);

}  // namespace covey
