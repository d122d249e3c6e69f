#include "core/process/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace covey {
namespace {

constexpr long kSignals = 64;
constexpr unsigned kSignalSetBytes = 8;

// What rt_sigaction takes; every field zero is the default disposition.
struct KernelSigaction {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)();
  unsigned long mask;
};

[[noreturn]] void GiveUp(ChildPlan* plan, ChildStep step, int error) {
  plan->failed_errno = error;
  plan->failed_step = step;
  for (;;) ::syscall(SYS_exit_group, 127);
}

void JoinCgroup(ChildPlan* plan) {
  if (plan->cgroup_procs < 0) return;
  if (::syscall(SYS_write, plan->cgroup_procs, "0", 1) < 0) GiveUp(plan, ChildStep::kCgroup, errno);
}

// Ends with the thread that started it. The parent may have died before: then nobody will ever send the
// signal.
void TieToParent(ChildPlan* plan) {
  ::syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::syscall(SYS_getppid) != plan->parent) GiveUp(plan, ChildStep::kNone, ESRCH);
}

// By system calls: glibc's functions change all threads of the program, the parent's.
//
// While it shares our memory and already has the rights of another user, that user's processes must not look
// into it. The kernel sees to that: with the change it makes the memory, ours, one that only root may look at
// (PR_SET_DUMPABLE), and it stays so.
void BecomeAccount(ChildPlan* plan) {
  // Those that the program itself was given, as by a unit's AmbientCapabilities.
  ::syscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (!plan->set_account) return;
  if (::syscall(SYS_setgroups, plan->group_count, plan->groups) < 0 ||
      ::syscall(SYS_setresgid, plan->group, plan->group, plan->group) < 0 ||
      ::syscall(SYS_setresuid, plan->user, plan->user, plan->user) < 0) {
    GiveUp(plan, ChildStep::kAccount, errno);
  }
  TieToParent(plan);  // a change of user or group drops the signal
}

// In place of a standard stream, so that no free descriptor is needed, whatever the limit. Without waiting: a
// FIFO that nobody reads is an error.
void OpenFile(ChildPlan* plan, const ChildFile& file, int fd, ChildStep step) {
  if (file.path == nullptr) return;
  ::syscall(SYS_close, fd);
  const long opened = ::syscall(SYS_openat, AT_FDCWD, file.path, file.flags | O_NONBLOCK, file.mode);
  if (opened < 0) GiveUp(plan, step, errno);
  if (::syscall(SYS_fcntl, fd, F_SETFL, file.flags & O_APPEND) < 0) GiveUp(plan, step, errno);
}

// Closes all descriptors from `first` on where close_range does not exist.
void CloseOneByOne(int first) {
  rlimit limit = {};
  ::syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, nullptr, &limit);
  const long end = limit.rlim_cur > 65536 ? 65536 : static_cast<long>(limit.rlim_cur);
  for (long fd = first; fd < end; ++fd) ::syscall(SYS_close, fd);
}

}  // namespace

extern "C" int RunChild(void* argument) {
  ChildPlan* plan = static_cast<ChildPlan*>(argument);

  // Handlers first, while every signal is blocked: one that ran here would run in the parent's memory.
  KernelSigaction defaults = {};
  for (long signal = 1; signal <= kSignals; ++signal) {
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    ::syscall(SYS_rt_sigaction, signal, &defaults, nullptr, kSignalSetBytes);
  }

  ::syscall(SYS_setsid);
  TieToParent(plan);

  JoinCgroup(plan);
  if (plan->keep_up_to >= 0) {
    if (::syscall(SYS_close_range, plan->keep_up_to + 1, ~0U, CLOSE_RANGE_UNSHARE) < 0) {
      GiveUp(plan, ChildStep::kDescriptors, errno);
    }
  }
  for (int fd = 0; fd < 3; ++fd) {
    if (::syscall(SYS_dup3, plan->stdio[fd], fd, 0) < 0) GiveUp(plan, ChildStep::kStdio, errno);
  }
  if (::syscall(SYS_close_range, 3, ~0U, 0) < 0) CloseOneByOne(3);

  for (int i = 0; i < plan->limit_count; ++i) {
    const ChildLimit& limit = plan->limits[i];
    if (::syscall(SYS_prlimit64, 0, limit.resource, &limit.value, nullptr) < 0) {
      plan->failed_limit = limit.resource;
      GiveUp(plan, ChildStep::kLimits, errno);
    }
  }
  ::syscall(SYS_umask, plan->umask);
  if (plan->set_nice && ::syscall(SYS_setpriority, PRIO_PROCESS, 0, plan->nice) < 0) {
    GiveUp(plan, ChildStep::kNice, errno);
  }
  BecomeAccount(plan);
  // From here on with the rights of the user.
  OpenFile(plan, plan->stdout_file, STDOUT_FILENO, ChildStep::kStdoutFile);
  if (plan->stderr_to_stdout_file) {
    if (::syscall(SYS_dup3, STDOUT_FILENO, STDERR_FILENO, 0) < 0) {
      GiveUp(plan, ChildStep::kStderrFile, errno);
    }
  } else {
    OpenFile(plan, plan->stderr_file, STDERR_FILENO, ChildStep::kStderrFile);
  }
  if (plan->working_dir != nullptr) {
    if (::syscall(SYS_chdir, plan->working_dir) < 0) GiveUp(plan, ChildStep::kWorkingDir, errno);
  }

  const unsigned long no_signals = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &no_signals, nullptr, kSignalSetBytes);

  // As execvp(3): a candidate that is not there gives way to the next, one that may not be executed is
  // what is reported if no other works.
  int error = ENOENT;
  for (const char* const* path = plan->candidates; *path != nullptr; ++path) {
    ::syscall(SYS_execve, *path, plan->argv, plan->envp);
    if (errno == EACCES) {
      error = EACCES;
    } else if (errno != ENOENT && errno != ENOTDIR && errno != ESTALE && errno != ENODEV &&
               errno != ETIMEDOUT) {
      error = errno;
      break;
    } else if (path[1] == nullptr && path == plan->candidates) {
      error = errno;
    }
  }
  GiveUp(plan, ChildStep::kExec, error);
}

extern "C" int RunProbe(void* argument) {
  JoinCgroup(static_cast<ChildPlan*>(argument));
  for (;;) ::syscall(SYS_exit_group, 0);
}

}  // namespace covey
