#pragma once

#include <sys/resource.h>
#include <sys/types.h>

namespace covey {

// Where a child was when it gave up.
enum class ChildStep : int {
  kNone,
  kCgroup,
  kDescriptors,
  kStdio,
  kLimits,
  kNice,
  kAccount,
  kStdoutFile,
  kStderrFile,
  kWorkingDir,
  kExec
};

// A resource limit (RLIMIT_…) to set.
struct ChildLimit {
  int resource = 0;
  rlimit value = {};
};

// A file to open as a standard stream.
struct ChildFile {
  const char* path = nullptr;  // nullptr: none
  int flags = 0;
  mode_t mode = 0;
};

// Everything that a new child needs, prepared by its parent: the child runs in the parent's memory, so it
// may neither allocate nor lock. Plain pointers; they must stay valid until the child has executed or ended.
struct ChildPlan {
  const char* const* candidates = nullptr;  // paths to execute, the first that exists wins; ends with nullptr
  char* const* argv = nullptr;
  char* const* envp = nullptr;
  const char* working_dir = nullptr;  // nullptr: stay
  int stdio[3] = {-1, -1, -1};        // become 0, 1 and 2; each is above 2
  int cgroup_procs = -1;              // cgroup.procs of the cgroup to join; -1: in place already
  pid_t parent = 0;
  int keep_up_to =
      -1;  // >= 0: the table of descriptors is shared with the parent; take a copy of this many + 1
  ChildLimit limits[4];
  int limit_count = 0;
  mode_t umask = 022;
  bool set_nice = false;
  int nice = 0;
  bool set_account = false;  // to the three that follow
  uid_t user = 0;
  gid_t group = 0;
  const gid_t* groups = nullptr;
  size_t group_count = 0;
  ChildFile stdout_file;
  ChildFile stderr_file;
  bool stderr_to_stdout_file = false;  // both are the same file, opened once

  // The answer: valid once the parent runs again.
  volatile ChildStep failed_step = ChildStep::kNone;
  volatile int failed_errno = 0;
  volatile int failed_limit = 0;  // kLimits: the resource
};

// The child's life from clone to exec, on its own stack. Async-signal-safe, raw system calls only.
// Compiled without sanitizers: their bookkeeping is the parent's, in whose memory this runs.
extern "C" int RunChild(void* plan);

// A child that joins its cgroup, if the plan says so, and ends: shows that a way of cloning works.
extern "C" int RunProbe(void* plan);

}  // namespace covey
