#pragma once

#include <functional>
#include <string>
#include <utility>

#include "core/base/status.h"
#include "core/run/context.h"

namespace covey {

// Demangled name of a type, as in typeid(x).name().
std::string Demangle(const char* mangled);

// Work that can be run: blocks while it goes on; returns when it is done, failed, or its context is
// cancelled.
class Runner {
 public:
  virtual ~Runner() = default;
  virtual Status Run(const Context& context) = 0;
  // For logs. Default: the demangled type.
  virtual std::string Name() const;
};

// Makes any callable of that signature a Runner.
class Func final : public Runner {
 public:
  explicit Func(std::function<Status(const Context&)> function, std::string name = {})
      : function_(std::move(function)), name_(std::move(name)) {}
  Status Run(const Context& context) override { return function_(context); }
  // Without a name: the demangled type of the callable.
  std::string Name() const override {
    return name_.empty() ? Demangle(function_.target_type().name()) : name_;
  }

 private:
  const std::function<Status(const Context&)> function_;
  const std::string name_;
};

// Work that goes on without a thread of its own: holds a slot from Start to `done`.
class AsyncRunner {
 public:
  virtual ~AsyncRunner() = default;
  // Does not block. `done` must be called exactly once, from any thread, possibly before Start returns.
  virtual void Start(const Context& context, std::function<void(Status)> done) = 0;
  virtual std::string Name() const;
};

// Runs `work`. With `recover` an exception of any type that leaves it becomes a failure of kind panic: its
// type and what() as the message, the stack of the throw site as the detail (when covey::throw_trace is
// linked; otherwise the detail says so). Without, it ends the program. The only place in core that catches
// everything.
Status RunCaught(const std::function<Status()>& work, bool recover = true);

// What covey::throw_trace offers to RunCaught; null when it is not linked.
struct ThrowTracer {
  void (*arm)();     // this thread: remember the stacks of the throws to come; calls nest
  void (*disarm)();  // undoes one arm
  // Armed: the stack of the throw of the exception that is being handled; "" when it was not seen.
  std::string (*stack)();
};
void SetThrowTracer(const ThrowTracer* tracer);

}  // namespace covey
