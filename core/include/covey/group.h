#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "covey/context.h"
#include "covey/policy.h"
#include "covey/pool.h"
#include "covey/runner.h"
#include "covey/status.h"

namespace covey {

// One start or stop of a runner, for the log function.
struct LogInfo {
  enum class What : uint8_t { kStart, kExit };
  std::string_view runner;  // the task's name, else the runner's
  What what = What::kStart;
  Status failure;  // of kExit; OK when it succeeded
};

// Several tasks as one: the first failure cancels the rest, cancelling the group cancels every task, and Wait
// returns the outcome after everything has stopped.
//
// Lifetime: the destructor cancels what is left and waits for it. It must not run in one of the group's own
// tasks, nor may Wait be called there: they would wait for themselves.
// Thread safety: all of it, also from the group's own tasks.
//
// Invariants:
// 1. The outcome is decided exactly once and carries the first cause. From then on the tasks' context is over,
//    with that cause, and every Go is refused.
// 2. A Go that returned OK ran its task or runs it; a Go that was refused never runs it and counts for
//    nothing.
// 3. A Go that is blocked counts as unfinished: the seal that Wait armed falls when no task is left and no Go
//    is under way.
// 4. Wait returns when nothing of the group runs any more: no task, no log call, no callback of its context,
//    no Go; its slots are free again.
// 5. The log function, the runners and the callbacks are called without a lock.
class Group {
 public:
  struct Options {
    std::shared_ptr<Pool> pool;               // default: the unbounded one of the process
    bool recover = true;                      // an exception is a failure; false: it ends the program
    std::function<void(const LogInfo&)> log;  // of each start and stop, from any thread; must not throw
    uint32_t limit = 0;                       // tasks at once; 0: none but the pool's
    Policy policy = Policy::kAll;             //
    uint32_t max_failures = 0;                // of kAll alone: so many do not decide
    Context context = Context::Background();  // the parent: its end cancels the group
    std::optional<std::chrono::nanoseconds> timeout{};  // from now on; then the group FAILED, kind timeout
    std::shared_ptr<TimerQueue> timers{};               // default: that of the process
  };
  struct Counts {
    uint32_t started = 0;
    uint32_t running = 0;
    uint32_t succeeded = 0;
    uint32_t failed = 0;
    uint32_t stopped = 0;  // ended after the decision with a failure: counts as nothing
  };

  // At most so many failures are kept for failures(); counts() has them all.
  static constexpr size_t kMaxFailuresKept = 1024;

  Group() : Group(Options{}) {}
  // With options that contradict each other (max_failures with another policy than kAll) the group is decided
  // from the start: Go and Wait return a failure of kind rejected that says so.
  explicit Group(Options options);
  ~Group();
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  // Blocks until the task holds a slot, then returns OK and the task runs on a thread of the pool. Refused,
  // at once and also while blocked, with the group's failure or cancel when that is decided; with kDecided or
  // kSealed when the outcome is a success; with ErrClosed on a closed pool. An unnamed task is named by its
  // number, from 0, in failures, and by its runner in the log.
  Status Go(std::function<Status(const Context&)> function, std::string name = {});
  Status Go(std::shared_ptr<Runner> runner, std::string name = {});
  // The same for work that needs no thread. The group keeps the runner until `done` is called, from any
  // thread; the first call counts, and when every copy of it is gone without a call the task has failed.
  Status GoAsync(std::shared_ptr<AsyncRunner> runner, std::string name = {});

  // Cancels every task, unless the outcome is decided already. The outcome is of kind cancelled with this
  // cause, whatever kind it has here.
  void Cancel(Failure cause = {.kind = FailureKind::kCancelled, .message = "cancelled"});

  // Seals the group when its last task ends, and returns the outcome when everything has stopped. OK, or the
  // failure that decided: the task's, a cancel, or a timeout; of kAllSettled and kAny the first failure. Any
  // number of threads may wait, any number of times.
  Status Wait();

  // Takes effect at once; lowering it lets running tasks finish. 0: none but the pool's.
  void SetLimit(uint32_t limit);

  // What the tasks are given. Over when the outcome is decided.
  const Context& context() const;
  // Failures so far, in order, decisive or not, but for the tasks that the decision stopped.
  std::vector<Failure> failures() const;
  Counts counts() const;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;  // has its own synchronisation
};

}  // namespace covey
