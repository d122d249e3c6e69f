#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "covey/context.h"
#include "covey/pool.h"
#include "covey/runner.h"
#include "covey/status.h"

namespace covey {

// A runner that was started, as a handle: Close cancels its context, waits for its end and returns its
// status.
//
// Lifetime: the destructor closes. Thread safety: all of it.
// Invariants:
// 1. The runner is started once; when its Close or the destructor has returned, nothing of it runs.
// 2. Exactly one Close returns the runner's status, every other one ErrClosed, at once.
class Closer {
 public:
  struct Options {
    std::shared_ptr<Pool> pool;               // default: the unbounded one of the process
    bool recover = true;                      // as in Group
    Context context = Context::Background();  // the parent
  };

  // Blocks until the runner holds a slot. When it gets none (the pool is closed, the parent is over) it does
  // not run, and Close returns why.
  explicit Closer(std::shared_ptr<Runner> runner) : Closer(std::move(runner), Options{}) {}
  Closer(std::shared_ptr<Runner> runner, Options options) : Closer(std::move(runner), options, true) {}
  explicit Closer(std::function<Status(const Context&)> function)
      : Closer(std::make_shared<Func>(std::move(function))) {}
  Closer(std::function<Status(const Context&)> function, Options options)
      : Closer(std::make_shared<Func>(std::move(function)), std::move(options)) {}
  ~Closer();
  Closer(const Closer&) = delete;
  Closer& operator=(const Closer&) = delete;

  // Not from within the runner: it would wait for itself.
  Status Close();

  // True once the runner has ended: Close will not block.
  bool ended() const;

 protected:
  Closer(std::shared_ptr<Runner> runner, const Options& options, bool cancels);

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;  // has its own synchronisation
};

// The same, but Close only waits: the runner ends by itself or with its parent.
class WaitCloser final : public Closer {
 public:
  explicit WaitCloser(std::shared_ptr<Runner> runner) : WaitCloser(std::move(runner), Options{}) {}
  WaitCloser(std::shared_ptr<Runner> runner, const Options& options)
      : Closer(std::move(runner), options, false) {}
  explicit WaitCloser(std::function<Status(const Context&)> function)
      : WaitCloser(std::make_shared<Func>(std::move(function))) {}
  WaitCloser(std::function<Status(const Context&)> function, const Options& options)
      : WaitCloser(std::make_shared<Func>(std::move(function)), options) {}
};

}  // namespace covey
