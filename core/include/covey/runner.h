#pragma once

#include <functional>
#include <string>
#include <type_traits>
#include <utility>

#include "covey/context.h"
#include "covey/status.h"
#include "covey/task.h"

namespace covey {

// Work that can be run: blocks while it goes on; returns when it is done, failed, or its context is
// cancelled.
class Runner {
 public:
  virtual ~Runner() = default;
  // Does the work; how it ended.
  virtual Status Run(const Context& context) = 0;
  // For logs. Default: the demangled type.
  virtual std::string Name() const;
};

// Makes any callable of that signature a Runner.
class Func final : public Runner {
 public:
  // Of this callable; `name` is for logs.
  explicit Func(std::function<Status(const Context&)> function, std::string name = {})
      : function_(std::move(function)), name_(std::move(name)) {}
  Status Run(const Context& context) override { return function_(context); }
  // Without a name: the demangled type of the callable.
  std::string Name() const override;

 private:
  const std::function<Status(const Context&)> function_;
  const std::string name_;
};

// Makes any task a Runner, also one that is move-only: it is called at the first Run alone.
template <TaskFunction F>
class CalledRunner final : public Runner {
 public:
  // Of this callable.
  explicit CalledRunner(F function) : function_(std::move(function)) {}
  Status Run(const Context& context) override {
    using R = typename detail::Returned<F>::Type;
    if constexpr (std::is_convertible_v<R, Status>) {
      return detail::Call(std::move(function_), context);
    } else {
      static_cast<void>(detail::Call(std::move(function_), context));
      return Status::Ok();
    }
  }
  std::string Name() const override { return detail::TypeIn(__PRETTY_FUNCTION__); }

 private:
  F function_;
};

// Work that goes on without a thread of its own: holds a slot from Start to `done`.
class AsyncRunner {
 public:
  virtual ~AsyncRunner() = default;
  // Does not block. `done` must be called exactly once, from any thread, possibly before Start returns.
  virtual void Start(const Context& context, std::function<void(Status)> done) = 0;
  virtual std::string Name() const;
};

}  // namespace covey
