#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "core/spec/task_spec.h"
#include "covey/output_stream.h"
#include "covey/status.h"

namespace covey {

// What an executor is told about the attempt that it is to run.
struct Launch {
  std::string group;
  std::string task;  // name
  uint32_t index = 0;
  uint32_t attempt = 1;
  std::shared_ptr<const TaskSpec> spec;
  std::optional<std::chrono::steady_clock::time_point> deadline;  // the earlier of the task's and the group's
};

// How an executor reports what becomes of an attempt. The last call is OnExit or OnLost, exactly one of them
// and once; the others come before it, from any thread, one at a time. None may be called with a lock held.
class AttemptListener {
 public:
  virtual ~AttemptListener() = default;
  // The work has begun: the task's timeout counts from here. At most once.
  virtual void OnStarted() = 0;
  // Bytes of this stream that OnOutput may bring now. With 0, wait until `has_room` is called: once, by any
  // thread, no lock held. Work that is being stopped need not ask.
  virtual size_t OutputRoom(OutputStream /*stream*/, const std::function<void()>& /*has_room*/) {
    return SIZE_MAX;
  }
  virtual void OnOutput(OutputStream stream, std::string_view bytes) = 0;
  // The stop has reached the attempt: the number of the signal, 0 for a function.
  virtual void OnDelivered(int signal) = 0;
  // SIGKILL was sent.
  virtual void OnKilled() = 0;
  // Nothing of the attempt runs any more. `result` may be null.
  virtual void OnExit(Status status, std::shared_ptr<const Payload> result) = 0;
  // Nothing of the attempt runs any more, and how it ended cannot be known. A task that may run again does.
  virtual void OnLost(Failure failure) = 0;
};

// A running attempt. Stop may be called from any thread, any number of times, also after the exit.
class Execution {
 public:
  virtual ~Execution() = default;
  virtual void Stop(const Failure& cause) = 0;
};

// What an attempt takes of its pool while it runs.
enum class SlotUse : uint8_t { kOne, kNone };

// Runs attempts of one kind of work. The caller holds what `slots` says for each attempt until its end. Start
// does not block and may call the listener before it returns; an attempt that cannot be started is one that
// exits.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual SlotUse slots() const { return SlotUse::kOne; }
  // Attempts may go on while there is no daemon: a daemon that stops leaves them alone.
  virtual bool outlives_daemon() const { return false; }
  virtual std::shared_ptr<Execution> Start(const Launch& launch,
                                           std::shared_ptr<AttemptListener> listener) = 0;
  // Takes up an attempt that an earlier daemon started and that may still run. Null: it does not, it is lost
  // (and the listener is not called).
  virtual std::shared_ptr<Execution> Recover(const Launch& /*launch*/,
                                             std::shared_ptr<AttemptListener> /*listener*/) {
    return nullptr;
  }
};

// Who runs each kind of work: one executor for each alternative of TaskSpec::work, of OpaqueSpec one for each
// kind. Constant once shared.
class ExecutorTable {
 public:
  template <typename Work>
  void Set(std::shared_ptr<Executor> executor) {
    executors_[TaskSpec{.work = Work()}.work.index()] = std::move(executor);
  }
  // Of OpaqueSpec those of this kind.
  void SetOpaque(uint32_t kind, std::shared_ptr<Executor> executor) {
    opaque_.insert_or_assign(kind, std::move(executor));
  }
  // Requires that one was set, but for an OpaqueSpec: of a kind that nobody runs, as a later version of the
  // daemon may have left it in the journal, each attempt fails at once.
  Executor& For(const TaskSpec& spec) const;

 private:
  std::array<std::shared_ptr<Executor>, std::variant_size_v<TaskWork>> executors_;
  std::map<uint32_t, std::shared_ptr<Executor>> opaque_;
};

}  // namespace covey
