#pragma once

#include <functional>
#include <string>

#include "covey/status.h"

namespace covey {

// Demangled name of a type, as in typeid(x).name().
std::string Demangle(const char* mangled);

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
