#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/spec/process_spec.h"
#include "covey/output_stream.h"

namespace covey {

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
  uint32_t leftovers_killed = 0;  // members that outlived a root which was not killed, and the grace if any
  bool stopped = false;           // the stop signal was sent
  bool forced = false;            // the root was sent SIGKILL by the supervisor
  // Of the root and the children that it waited for.
  std::chrono::microseconds user_time{0};
  std::chrono::microseconds system_time{0};
  int64_t max_resident_kib = 0;
};

// Notified of what becomes of one process. Calls come from the supervisor's threads, one at a time, no lock
// held, and must not block. They may call the supervisor.
class ProcessListener {
 public:
  virtual ~ProcessListener() = default;
  // The program has been executed.
  virtual void OnStarted(pid_t pid) = 0;
  // How many bytes of this stream it can be given now. With 0 its pipe is not read until
  // ProcessSupervisor::Resume(id), and the process waits when that is full. One that is being stopped is not
  // asked.
  virtual size_t OutputRoom(ProcessId /*id*/, OutputStream /*stream*/) { return SIZE_MAX; }
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
