#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/status.h"
#include "core/output/output_store.h"
#include "core/spec/task_spec.h"

namespace covey {

class Pool;

// What an executor is told about the attempt that it is to run.
struct Launch {
  std::string group;
  std::string task;  // name
  uint32_t index = 0;
  uint32_t attempt = 1;
  std::shared_ptr<const TaskSpec> spec;
  std::optional<std::chrono::steady_clock::time_point> deadline;  // the earlier of the task's and the group's
  std::shared_ptr<Pool> pool;                                     // that the slot belongs to
};

// How an executor tells what becomes of an attempt. OnExit is the last call and comes exactly once; the
// others come before it, from any thread, one at a time. None may be called with a lock held.
class AttemptListener {
 public:
  virtual ~AttemptListener() = default;
  virtual void OnOutput(OutputStream stream, std::string_view bytes) = 0;
  // The stop has reached the attempt: the number of the signal, 0 for a function.
  virtual void OnDelivered(int signal) = 0;
  // SIGKILL was sent.
  virtual void OnKilled() = 0;
  // Nothing of the attempt runs any more. `result` may be null.
  virtual void OnExit(Status status, std::shared_ptr<const Payload> result) = 0;
};

// A running attempt. Stop may be called from any thread, any number of times, also after the exit.
class Execution {
 public:
  virtual ~Execution() = default;
  virtual void Stop(const Failure& cause) = 0;
};

// Runs attempts of one kind of task. The caller holds a slot for each attempt until OnExit. Start does not
// block and may call the listener before it returns; an attempt that cannot be started is one that exits.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual std::shared_ptr<Execution> Start(const Launch& launch,
                                           std::shared_ptr<AttemptListener> listener) = 0;
};

}  // namespace covey
