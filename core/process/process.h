#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/output/output_store.h"

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

// What to start: one process, the root of a tree.
struct ProcessSpec {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH (the PATH of `env`) unless it has a slash
  std::vector<std::pair<std::string, std::string>> env;  // the whole environment: nothing is inherited
  std::string working_dir;                               // empty: the daemon's
  std::string stdin_bytes;  // written to stdin, then end of file; empty: /dev/null
  int stop_signal = SIGTERM;
  std::chrono::nanoseconds grace = std::chrono::seconds(10);  // stop signal to SIGKILL; 0: SIGKILL at once
  ResourceLimits limits;
  std::string user;   // name or number; empty: that of this program
  std::string group;  // name or number, then the only one; empty: all those of `user`, else of this program
  mode_t umask = 022;
  int nice = 0;              // -20..19; 0: that of this program
  bool inherit_env = false;  // for who makes up `env` (ProcessExecutor)
  OutputFile stdout_file;
  OutputFile stderr_file;  // may be the same
};

// One call of ProcessSupervisor::Start. Never 0, never used again.
using ProcessId = uint64_t;

// How a process ended.
struct ProcessResult {
  enum class Kind : uint8_t {
    kExited,       // `code` is the exit code
    kSignalled,    // `code` is the signal
    kStartFailed,  // `code` is 127 when the program was not found, else 126; `message` says what was wrong
    kCancelled,    // stopped before it was started
    kLost,         // somebody else reaped it (waitpid(-1) in this program): how it ended cannot be known
  };
  Kind kind = Kind::kExited;
  int code = 0;
  std::string message;
  std::string stderr_tail;        // the last 4 KiB, as they were written
  uint32_t leftovers_killed = 0;  // members of the tree that outlived a root which ended by itself
  bool stopped = false;           // the stop signal was sent
  bool forced = false;            // the root was sent SIGKILL by the supervisor
  // Of the root and the children that it waited for.
  std::chrono::microseconds user_time{0};
  std::chrono::microseconds system_time{0};
  int64_t max_resident_kib = 0;
};

// Is told what becomes of one process. Calls come from the supervisor's threads, one at a time, no lock held,
// and must not block. They may call the supervisor.
class ProcessListener {
 public:
  virtual ~ProcessListener() = default;
  // The program has been executed.
  virtual void OnStarted(pid_t pid) = 0;
  virtual void OnOutput(OutputStream stream, std::string_view bytes) = 0;
  // The stop signal has been sent. At most once; not at all with a grace of 0.
  virtual void OnStopDelivered(int signal) = 0;
  // SIGKILL has been sent: after the grace, or to what a root had left behind. At most once.
  virtual void OnKilled() = 0;
  // The last call, and exactly one: the root is reaped, its whole tree is gone, both pipes are read to the
  // end.
  virtual void OnGone(const ProcessResult& result) = 0;
};

}  // namespace covey
