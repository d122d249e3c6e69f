#include "core/process/clone.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>

namespace covey {
namespace {

constexpr uint64_t kIntoCgroup =
    0x200000000;  // CLONE_INTO_CGROUP; a preprocessor constant only in newer headers

#if defined(__x86_64__)
// struct clone_args of <linux/sched.h>, which cannot be included beside <sched.h>.
struct alignas(8) CloneArgs {
  uint64_t flags = 0;
  uint64_t pidfd = 0;
  uint64_t child_tid = 0;
  uint64_t parent_tid = 0;
  uint64_t exit_signal = 0;
  uint64_t stack = 0;
  uint64_t stack_size = 0;
  uint64_t tls = 0;
  uint64_t set_tid = 0;
  uint64_t set_tid_size = 0;
  uint64_t cgroup = 0;
};

// clone3 or clone, as system calls: glibc has no wrapper for the first, and ThreadSanitizer puts its own in
// place of that for the second, which takes every child for a fork and so spoils the state of the parent it
// shares. The child returns from the call on its own, empty stack, so it must not touch the frame of this
// function: it calls `run` from registers and never comes back.
long RawClone(long call, uint64_t first, uint64_t second, int* third, int (*run)(void*), void* argument) {
  long result = call;
  // r8, r9 and r10 are arguments of clone that our flags make it ignore.
  register void* run_register asm("r8") = reinterpret_cast<void*>(run);
  register void* argument_register asm("r9") = argument;
  register long unused asm("r10") = 0;
  asm volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xor %%ebp, %%ebp\n\t"
      "mov %%r9, %%rdi\n\t"
      "call *%%r8\n\t"
      "hlt\n"
      "1:\n\t"
      : "+a"(result)
      : "D"(first), "S"(second), "d"(third), "r"(run_register), "r"(argument_register), "r"(unused)
      : "rcx", "r11", "memory", "cc");
  return result;
}
#else
long RawClone(long, uint64_t flags, uint64_t stack_top, int* pidfd, int (*run)(void*), void* argument) {
  const int pid = ::clone(run, reinterpret_cast<void*>(stack_top), static_cast<int>(flags), argument, pidfd);
  return pid < 0 ? -errno : pid;
}
#endif

}  // namespace

ChildStack::ChildStack() {
  void* memory =
      ::mmap(nullptr, kGuard + kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) return;
  base_ = static_cast<char*>(memory);
  ::mprotect(base_, kGuard, PROT_NONE);
}

ChildStack::~ChildStack() {
  if (base_ != nullptr) ::munmap(base_, kGuard + kSize);
}

Clone CloneVfork(CloneWay way, const ChildStack& stack, bool share_descriptors, int cgroup_fd,
                 int (*run)(void*), void* argument) {
  Clone clone;
  int pidfd = -1;
  if (way == CloneWay::kClone3) {
#if defined(__x86_64__)
    CloneArgs args;
    args.flags = static_cast<uint64_t>(CLONE_VM) | CLONE_VFORK | CLONE_PIDFD;
    if (share_descriptors) args.flags |= CLONE_FILES;
    if (cgroup_fd >= 0) {
      args.flags |= kIntoCgroup;
      args.cgroup = static_cast<uint64_t>(cgroup_fd);
    }
    args.pidfd = reinterpret_cast<uint64_t>(&pidfd);
    args.exit_signal = SIGCHLD;
    args.stack = reinterpret_cast<uint64_t>(stack.lowest());
    args.stack_size = ChildStack::kSize;
    const long result =
        RawClone(SYS_clone3, reinterpret_cast<uint64_t>(&args), sizeof args, nullptr, run, argument);
    if (result < 0) {
      clone.error = static_cast<int>(-result);
      return clone;
    }
    clone.pid = static_cast<pid_t>(result);
#else
    clone.error = ENOSYS;
    return clone;
#endif
  } else {
    if (cgroup_fd >= 0) {
      clone.error = EOPNOTSUPP;
      return clone;
    }
    int flags = CLONE_VM | CLONE_VFORK | SIGCHLD;
    if (way == CloneWay::kClone) flags |= CLONE_PIDFD;
    if (share_descriptors) flags |= CLONE_FILES;
    const long result =
        RawClone(SYS_clone, static_cast<uint64_t>(flags),
                 reinterpret_cast<uint64_t>(stack.lowest() + ChildStack::kSize), &pidfd, run, argument);
    if (result < 0) {
      clone.error = static_cast<int>(-result);
      return clone;
    }
    clone.pid = static_cast<pid_t>(result);
    if (way == CloneWay::kCloneThenOpen) {
      // Nobody else may reap the child, so its pid still is its own.
      pidfd = static_cast<int>(::syscall(SYS_pidfd_open, clone.pid, 0));
      if (pidfd < 0) {
        clone.error = errno;
        clone.has_run = true;
        ::kill(clone.pid, SIGKILL);
        ::waitpid(clone.pid, nullptr, 0);
        clone.pid = -1;
        return clone;
      }
    }
  }
  clone.pidfd.Reset(pidfd);
  return clone;
}

}  // namespace covey
