#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace covey {

// What a process may use, enforced by the kernel; 0 or none: no limit of its own.
struct ResourceLimits {
  // Of each process, soft and hard.
  uint32_t open_files = 0;
  uint64_t address_space = 0;            // bytes
  std::chrono::nanoseconds cpu_time{0};  // rounded up to seconds: SIGXCPU, a second later SIGKILL
  std::optional<uint64_t> core_size;     // bytes; 0: no core file
  // Of the whole tree, by its cgroup.
  uint64_t memory = 0;     // bytes
  uint32_t cpu_milli = 0;  // thousandths of a processor
  uint32_t pids = 0;       // processes and threads

  bool NeedsCgroup() const { return memory != 0 || cpu_milli != 0 || pids != 0; }
  bool operator==(const ResourceLimits&) const = default;
};

// A stream that goes to a file, opened with the rights of the process.
struct OutputFile {
  std::string path;     // absolute; empty: to the listener
  bool append = false;  // false: the file begins anew
  mode_t mode = 0644;   // when it is made, less the umask

  bool operator==(const OutputFile&) const = default;
};

// Environment variables: names and values.
using Variables = std::vector<std::pair<std::string, std::string>>;

// What to start: one process, the root of a tree.
struct ProcessSpec {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH (the PATH of `env`) unless it has a slash
  Variables env;                  // the whole environment: nothing is inherited
  std::string working_dir;        // empty: the daemon's
  std::string stdin_bytes;        // written to stdin, then end of file; empty: /dev/null
  int stop_signal = SIGTERM;
  std::chrono::nanoseconds grace = std::chrono::seconds(10);  // stop signal to SIGKILL; 0: SIGKILL at once
  // How long what the root has left behind may go on writing to its pipes when the root has ended by itself.
  std::chrono::nanoseconds linger = std::chrono::seconds(2);
  ResourceLimits limits;
  std::string user;   // name or number; empty: that of this program
  std::string group;  // name or number, then the only one; empty: all those of `user`, else of this program
  mode_t umask = 022;
  int nice = 0;              // -20..19; 0: that of this program
  bool inherit_env = false;  // for who makes up `env` (ProcessExecutor)
  OutputFile stdout_file;
  OutputFile stderr_file;  // may be the same
};

}  // namespace covey
