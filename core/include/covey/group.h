#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "covey/context.h"
#include "covey/policy.h"
#include "covey/pool.h"
#include "covey/runner.h"
#include "covey/span.h"
#include "covey/status.h"
#include "covey/task.h"

namespace covey {

// One start or stop of a runner, for the log function.
struct LogInfo {
  // What has happened.
  enum class What : uint8_t {
    kStart,    //
    kExit,     //
    kRefused,  // it never runs, and nobody who waits will learn of it
  };
  std::string_view runner{};  // the task's name, else the runner's
  What what = What::kStart;
  Status failure{};                    // of kExit and kRefused; OK when it succeeded
  std::chrono::nanoseconds waited{0};  // from Go to the start
  std::chrono::nanoseconds took{0};    // of kExit: from the start to the end
};

// What becomes of an exception that leaves a task.
enum class Recover : uint8_t {
  kNo,       // it ends the program, as in Go
  kFailure,  // it is a failure of kind panic
  kRethrow,  // that too; Wait throws the exception itself when it has decided the outcome
};

// Options of a group by name, in any order: `Group group(On{pool}, Limit{8}, Within{2s}, Policy::kAny)`. Each stands for
// the field of Group::Options that it sets.
struct On {
  std::shared_ptr<Pool> pool;
  void Set(auto& options) const { options.pool = pool; }
};
// How many tasks at once.
struct Limit {
  uint32_t tasks;
  void Set(auto& options) const { options.limit = tasks; }
};
// The group's timeout.
struct Within {
  Span timeout;
  void Set(auto& options) const { options.timeout = timeout; }
};
// The parent.
struct Under {
  Context context;
  void Set(auto& options) const { options.context = context; }
};
// The function that is told of each start and stop.
struct Log {
  std::function<void(const LogInfo&)> function;
  void Set(auto& options) const { options.log = function; }
};
// How many failures of kAll do not decide.
struct MaxFailures {
  uint32_t failures;
  void Set(auto& options) const { options.max_failures = failures; }
};
// How many calls of Go may wait for a slot.
struct MaxWaiting {
  uint32_t calls;
  void Set(auto& options) const { options.max_waiting = calls; }
};
// failures() has those of tasks that the decision stopped too.
struct KeepAll {
  void Set(auto& options) const { options.keep_all = true; }
};

// Several tasks as one: the first failure cancels the rest, cancelling the group cancels every task, and Wait
// returns the outcome after everything has stopped.
//
// Lifetime: the destructor cancels what is left and waits for it. It must not run in one of the group's own
// tasks: that ends the program, with a message.
// Thread safety: all of it, also from the group's own tasks.
//
// Invariants:
// 1. The outcome is decided exactly once and carries the first cause. From then on the tasks' context is over,
//    with that cause, and every Go is refused.
// 2. A Go that was taken ran its task or runs it; a Go that was refused never runs it.
// 3. A Go that is blocked counts as unfinished: the seal that Wait armed falls when no task is left and no Go
//    is under way.
// 4. Wait returns when nothing of the group runs any more: no task, no log call, no callback of its context,
//    no Go; its slots are free again.
// 5. The log function, the runners and the callbacks are called without a lock.
class Group {
 public:
  // What a group is; or by name, as in On and Limit.
  struct Options {
    std::shared_ptr<Pool> pool{};               // default: the unbounded one of the process
    bool recover = true;                        // an exception is a failure; false: it ends the program
    std::function<void(const LogInfo&)> log{};  // of each start and stop, from any thread; must not throw
    uint32_t limit = 0;                         // tasks at once; 0: none but the pool's
    Policy policy = Policy::kAll;               //
    uint32_t max_failures = 0;                  // of kAll alone: so many do not decide
    Context context = Context::Background();    // the parent: its end cancels the group
    std::optional<Span> timeout{};              // from now on; then the group FAILED, kind timeout
    std::shared_ptr<TimerQueue> timers{};       // default: that of the process
    uint32_t max_waiting =
        0;  // calls of Go that may wait for a slot; one more is refused at once. 0: any number
    bool keep_all = false;  // failures() has also those of the tasks that the decision stopped
    bool rethrow = false;   // as in Recover::kRethrow
  };
  // How many of its tasks are in which state.
  struct Counts {
    uint32_t started = 0;
    uint32_t running = 0;
    uint32_t succeeded = 0;
    uint32_t failed = 0;
    uint32_t stopped = 0;  // ended after the decision with a failure: counts as nothing
  };

  // Whether T is an option by name.
  template <typename T>
  static constexpr bool kNamesOption = std::is_same_v<T, Policy> || std::is_same_v<T, Recover> ||
                                       requires(const T& named, Options& options) {
    named.Set(options);
  };

  // At most so many failures are kept for failures(); counts() has them all.
  static constexpr size_t kMaxFailuresKept = 1024;

  Group() : Group(Options{}) {}
  // With options that contradict each other (max_failures with another policy than kAll) the group is decided
  // from the start: Go and Wait return a failure of kind rejected that says so.
  explicit Group(Options options);
  // The same with options by name: On, Limit, Within, Under, Log, MaxFailures, MaxWaiting, KeepAll, a Policy, a Recover.
  template <typename... Named>
  requires(sizeof...(Named) > 0 && (kNamesOption<Named> && ...)) explicit Group(Named... named)
      : Group(Combined(named...)) {}
  ~Group();
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  // Blocks until the task holds a slot; then it runs on a thread of the pool, or on one that waits for the group.
  // Refused, at once and also while blocked, with the group's failure or cancel when that is decided; with kDecided
  // or kSealed when the outcome is a success; with ErrClosed on a closed pool. What was refused is what Wait returns,
  // unless the outcome is decided. An unnamed task is named by its number, from 0, in failures, and by its callable
  // in the log.
  template <TaskFunction F>
  Task<TaskValue<F>> Go(F&& function, TaskOptions options = {}) {
    return Launch<F>(std::forward<F>(function), options, /*waits=*/true);
  }
  // A member function of `object`, which is a pointer, or is kept with the task.
  template <typename M, typename T>
  requires std::is_member_function_pointer_v<M>
  auto Go(M method, T object, TaskOptions options = {}) {
    if constexpr (std::is_invocable_v<M, T&, const Context&>) {
      return Go([method, object = std::move(object)](
                    const Context& context) mutable { return std::invoke(method, object, context); },
                std::move(options));
    } else {
      static_assert(std::is_invocable_v<M, T&>, "the method takes a const covey::Context& or nothing");
      return Go([method, object = std::move(object)]() mutable { return std::invoke(method, object); },
                std::move(options));
    }
  }
  Task<> Go(std::shared_ptr<Runner> runner, TaskOptions options = {});
  // The same, but refused with ErrDispatchTimeout when no slot is free now.
  template <TaskFunction F>
  Task<TaskValue<F>> TryGo(F&& function, TaskOptions options = {}) {
    return Launch<F>(std::forward<F>(function), options, /*waits=*/false);
  }
  // The same as Go for a service that has to get ready, as `function(context, ready)`: returns when it has called
  // `ready()`, with OK, and it goes on; or with why it will not: refused, failed, or ended without having called it.
  template <typename F>
  requires std::invocable < F&, const Context&, const std::function<void()>
  & > Status Start(F function, TaskOptions options = {}) {
    const Context ready = Context::Background().WithCancel();
    const Context ended = ready.WithCancel();
    Task<> task = Go(
        [function = std::move(function), ready, ended](const Context& context) mutable {
          const detail::AtEnd told([&] { ended.Cancel(); });
          return detail::StatusFrom(
              [&] { return function(context, std::function<void()>([ready] { ready.Cancel(); })); });
        },
        std::move(options));
    if (!task.ok()) return task;
    ended.Wait();
    if (ready.done()) return Status::Ok();
    Status outcome = task.Wait();
    return outcome.ok() ? Status::Error("the task has ended before it was ready") : outcome;
  }
  // The same as Go for work that needs no thread. The group keeps the runner until `done` is called, from any
  // thread; the first call counts, and when every copy of it is gone without a call the task has failed.
  Task<> GoAsync(std::shared_ptr<AsyncRunner> runner, TaskOptions options = {});

  // Cancels every task, unless the outcome is decided already. The outcome is of kind cancelled with this
  // cause, whatever kind it has here.
  void Cancel(Failure cause = {.kind = FailureKind::kCancelled, .message = "cancelled"});

  // Seals the group when its last task ends, and returns the outcome when everything has stopped. OK, or the
  // failure that decided: the task's, a cancel, or a timeout; of kAllSettled and kAny the first failure. Any
  // number of threads may wait, any number of times. Meanwhile the caller's thread may run tasks of this group that
  // hold a slot and have not started. In one of the group's own tasks, which it would wait for: a failure that says
  // so, at once.
  Status Wait();
  // The same for so long: nullopt when it was not over then; the group is as if nobody had waited. Runs no tasks.
  std::optional<Status> WaitFor(Span duration);
  // The same until `context` ends.
  std::optional<Status> Wait(const Context& context);
  // Makes a group that is over empty again, with the same options and no parent's end or timeout behind it; false
  // when it is not over. Nobody may use it meanwhile.
  bool Reopen();

  // Takes effect at once; lowering it lets running tasks finish. 0: none but the pool's.
  void SetLimit(uint32_t limit);

  // What the tasks are given. Over when the outcome is decided.
  const Context& context() const;
  // Failures so far, in order, decisive or not, but for the tasks that the decision stopped. Panics are here always.
  std::vector<Failure> failures() const;
  Counts counts() const;

 private:
  class Impl;

  template <typename... Named>
  static Options Combined(const Named&... named) {
    Options options;
    (Apply(options, named), ...);
    return options;
  }
  template <typename T>
  static void Apply(Options& options, const T& named) {
    if constexpr (std::is_same_v<T, Policy>) {
      options.policy = named;
    } else if constexpr (std::is_same_v<T, Recover>) {
      options.recover = named != Recover::kNo;
      options.rethrow = named == Recover::kRethrow;
    } else {
      named.Set(options);
    }
  }

  template <typename F>
  Task<TaskValue<F>> Launch(F&& function, TaskOptions& options, bool waits) {
    detail::NewNode node;
    detail::Fill(*node, std::forward<F>(function));
    Status refusal = HandOver(*node, options, waits);
    return {refusal.ok() ? node.Release() : nullptr, std::move(refusal)};
  }
  // OK: the node is the group's and the handle's. Else it is the caller's, as it was.
  Status HandOver(detail::TaskNode& node, TaskOptions& options, bool waits);

  const std::unique_ptr<Impl> impl_;  // has its own synchronisation
};

}  // namespace covey
