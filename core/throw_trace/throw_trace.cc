// covey::throw_trace: link it, and the failure of a panic carries the stack of its throw site.
//
// This program's own __cxa_throw comes before the C++ library's, sees every throw of the program and of the
// shared libraries, and forwards it. Armed (inside RunCaught alone) it first notes the stack, for about a
// microsecond; the text is made only for an exception that left a runner. Not seen: exceptions of
// make_exception_ptr, and those that were thrown on another thread.
#include <cxxabi.h>
#include <dlfcn.h>
#include <unwind.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <exception>

#include "core/run/run_caught.h"
#include "core/throw_trace/stack_text.h"

namespace covey {
namespace {

constexpr size_t kFrames = 64;
constexpr size_t kThrows = 4;  // a destructor may throw and catch while an older exception is under way

struct Throw {
  const void* object = nullptr;
  size_t size = 0;
  std::array<uintptr_t, kFrames> frames;
};

// Of one thread. No destructor: a throw may come late in its end.
struct Trace {
  int armed = 0;
  size_t next = 0;
  std::array<Throw, kThrows> throws;
};

thread_local constinit Trace trace{};

struct Walk {
  Throw& into;
  uintptr_t first;
  bool found = false;
};

_Unwind_Reason_Code Note(_Unwind_Context* context, void* argument) {
  Walk& walk = *static_cast<Walk*>(argument);
  const uintptr_t address = _Unwind_GetIP(context);
  walk.found = walk.found || address == walk.first;  // before it: this file
  if (walk.found) walk.into.frames[walk.into.size++] = address;
  return walk.into.size == kFrames ? _URC_END_OF_STACK : _URC_NO_REASON;
}

void Remember(const void* object, const void* caller) {
  Throw& entry = trace.throws[trace.next++ % kThrows];
  entry.object = object;
  entry.size = 0;
  Walk walk{entry, reinterpret_cast<uintptr_t>(caller)};
  _Unwind_Backtrace(Note, &walk);
}

std::string Stack() {
  const std::exception_ptr current = std::current_exception();
  const void* object = nullptr;  // what libstdc++'s exception_ptr consists of
  static_assert(sizeof current == sizeof object);
  // NOLINTNEXTLINE(bugprone-undefined-memory-manipulation): only the pointer in it is read
  std::memcpy(&object, &current, sizeof object);
  for (size_t back = 1; back <= kThrows && back <= trace.next; ++back) {
    const Throw& entry = trace.throws[(trace.next - back) % kThrows];
    if (entry.object == object) return StackText({entry.frames.data(), entry.size});
  }
  return {};
}

constexpr ThrowTracer kTracer = {
    .arm =
        [] {
          if (trace.armed++ == 0) trace.next = 0;
        },
    .disarm = [] { --trace.armed; },
    .stack = Stack,
};

[[maybe_unused]] const bool kRegistered = (SetThrowTracer(&kTracer), true);

}  // namespace
}  // namespace covey

namespace __cxxabiv1 {

extern "C" void __cxa_throw(void* object, std::type_info* type, void (*destructor)(void*)) {
  using Function = void (*)(void*, std::type_info*, void (*)(void*));
  static const auto kNext = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "__cxa_throw"));
  if (covey::trace.armed > 0) covey::Remember(object, __builtin_return_address(0));
  kNext(object, type, destructor);
  __builtin_unreachable();
}

}  // namespace __cxxabiv1
