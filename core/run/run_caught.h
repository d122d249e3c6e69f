#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "covey/status.h"

namespace covey {

// Demangled name of a type, as in typeid(x).name().
std::string Demangle(const char* mangled);

// What RunCaught does with an exception, and what it hands out beside the failure.
struct Caught {
  bool recover = true;
  std::exception_ptr* exception = nullptr;  // where to keep the exception itself; null: nowhere
  // Called when the thread is being ended by pthread_exit or pthread_cancel: the work is over, and this thread will not
  // return from here. Null: nothing is.
  void (*thread_ends)(void* argument, Status failure) = nullptr;
  void* argument = nullptr;
};

// Runs `work(argument)`. With `recover` an exception of any type that leaves it becomes a failure of kind panic: its
// type and what() as the message, with those of the exceptions nested in it, the stack of the throw site as the detail
// (when covey::throw_trace is linked; otherwise the detail says so). Without, it ends the program. The only place in
// core that catches everything.
Status RunCaught(Status (*work)(void* argument), void* argument, const Caught& caught);

// The same for any callable that returns a Status.
template <typename F>
requires(!std::is_same_v<std::remove_cvref_t<F>, Status (*)(void*)>) Status
    RunCaught(F&& work, const Caught& caught) {
  auto* const kept = std::addressof(work);
  return RunCaught([](void* argument) -> Status { return (*static_cast<decltype(kept)>(argument))(); },
                   const_cast<void*>(static_cast<const void*>(kept)), caught);
}
template <typename F>
Status RunCaught(F&& work, bool recover = true) {
  return RunCaught(std::forward<F>(work), Caught{.recover = recover});
}

// What covey::throw_trace offers to RunCaught; null when it is not linked.
struct ThrowTracer {
  void (*arm)();     // this thread: remember the stacks of the throws to come; calls nest
  void (*disarm)();  // undoes one arm
  // Armed: the stack of the throw of the exception that is being handled; "" when it was not seen.
  std::string (*stack)();
};
void SetThrowTracer(const ThrowTracer* tracer);

}  // namespace covey
