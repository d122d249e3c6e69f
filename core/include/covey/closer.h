#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "covey/context.h"
#include "covey/pool.h"
#include "covey/runner.h"
#include "covey/span.h"
#include "covey/status.h"
#include "covey/task.h"

namespace covey {

// A runner that was started, as a handle: Close cancels its context, waits for its end and returns its
// status.
//
// Lifetime: the destructor closes. Thread safety: all of it.
// Invariants:
// 1. The runner is started once; when its Close or the destructor has returned, nothing of it runs.
// 2. Exactly one Close returns the runner's status, every other one ErrClosed, when nothing of it runs any more.
class Closer {
 public:
  // Where and how it runs.
  struct Options {
    std::shared_ptr<Pool> pool{};             // default: the unbounded one of the process
    bool recover = true;                      // as in Group
    Context context = Context::Background();  // the parent
  };

  // Blocks until the runner holds a slot. When it gets none (the pool is closed, the parent is over) it does
  // not run, and Close returns why.
  explicit Closer(std::shared_ptr<Runner> runner) : Closer(std::move(runner), Options{}) {}
  Closer(std::shared_ptr<Runner> runner, Options options) : Closer(std::move(runner), options, true) {}
  template <TaskFunction F>
  explicit Closer(F function) : Closer(std::move(function), Options{}) {}
  template <TaskFunction F>
  Closer(F function, Options options)
      : Closer(std::make_shared<CalledRunner<F>>(std::move(function)), std::move(options)) {}
  ~Closer();
  Closer(const Closer&) = delete;
  Closer& operator=(const Closer&) = delete;

  // From within the runner, which it would wait for: a failure that says so, and the runner is cancelled.
  Status Close();
  // The same for so long: nullopt when it had not ended then; a later Close waits on.
  std::optional<Status> CloseFor(Span duration);

  // True once the runner has ended: Close will not block.
  bool ended() const;

 protected:
  // `cancels`: whether Close cancels.
  Closer(std::shared_ptr<Runner> runner, const Options& options, bool cancels);

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;  // has its own synchronisation
};

// The same, but Close only waits: the runner ends by itself or with its parent.
class WaitCloser final : public Closer {
 public:
  // As of a Closer.
  explicit WaitCloser(std::shared_ptr<Runner> runner) : WaitCloser(std::move(runner), Options{}) {}
  WaitCloser(std::shared_ptr<Runner> runner, const Options& options)
      : Closer(std::move(runner), options, false) {}
  template <TaskFunction F>
  explicit WaitCloser(F function) : WaitCloser(std::move(function), Options{}) {}
  template <TaskFunction F>
  WaitCloser(F function, const Options& options)
      : WaitCloser(std::make_shared<CalledRunner<F>>(std::move(function)), options) {}
};

}  // namespace covey
