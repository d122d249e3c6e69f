#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace covey::procfs {

// What /proc says of one process at one moment. A pid alone names nobody for long: (pid, start_ticks) does.
struct Stat {
  pid_t pid = 0;
  pid_t parent = 0;
  pid_t session = 0;
  char state = '?';
  int threads = 0;
  uint64_t start_ticks = 0;       // clock ticks from boot to its start
  uint64_t environment_size = 0;  // bytes; 0 when has_memory is false
  uint64_t environment_end = 0;   // address
  bool has_memory = false;  // false while it ends, while it executes a program, and for who may not know
  std::string name;         // at most 15 bytes

  // No program runs in it any more. (A process whose first thread alone has ended is shown as a zombie too.)
  bool dead() const { return (state == 'Z' || state == 'X') && threads <= 1; }
};

// What a look at /proc has missed: "cannot be read" is not "is gone". Set by the functions below that take it
// when something was there and could not be read for want of descriptors or memory, never cleared by them;
// null for who does not care.
struct Missed {
  bool any = false;
};

// Nothing when there is no such process, for threads of the kernel, and when it was missed.
std::optional<Stat> ReadStat(pid_t pid, Missed* missed);

// This program, by any name that /proc has for it.
std::optional<Stat> ReadSelf();
// False: /proc is that of another pid namespace, so that its numbers are not ours.
bool IsOfOurNamespace();

// Every process of this pid namespace, by rising pids. Each pid is handed out before the next one is looked
// for, so that whoever was forked by a process that ended before it could be looked at comes later and is not
// missed (unless the pids wrap round just then).
void ForEachPid(const std::function<void(pid_t)>& each, Missed* missed);

// The children of all threads of `pid`, zombies included.
std::vector<pid_t> ChildrenOf(pid_t pid, Missed* missed);

// The environment that a process was started with, entries ended by NUL; empty for zombies, and when it may
// not be read. Nothing while the process executes a program or ends, for it has none then, and soon will have
// one or be dead; and when it was missed.
std::optional<std::string> ReadEnvironment(const Stat& process, Missed* missed);

// The value of `name` in such an environment.
std::optional<std::string_view> FindVariable(std::string_view environment, std::string_view name);

// Now, on the scale of Stat::start_ticks, rounded down: what starts from now on has at least this value.
uint64_t NowTicks();

// Sends SIGKILL to the process that has `pid` and started at `start_ticks`, and to no other that may have
// got the pid since. True when it was sent to a living process.
bool KillExactly(pid_t pid, uint64_t start_ticks, Missed* missed);

// The whole of a small file, read in one go from its start; empty on errors.
std::string ReadFile(const char* path, Missed* missed = nullptr);

}  // namespace covey::procfs
