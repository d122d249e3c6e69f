#include "core/run/run_caught.h"

#include <cxxabi.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <typeinfo>
#include <utility>

namespace covey {
namespace {

std::atomic<const ThrowTracer*> tracer{nullptr};

#if defined(__GLIBCXX__)
// False when the exception that is being handled was thrown by another language: it has no type that could be asked.
bool ThrownByCxx() {
  // The Itanium C++ ABI (https://itanium-cxx-abi.github.io/cxx-abi/abi-eh.html): a list of headers, in each of which the
  // unwinder's part comes last and begins with the language.
  constexpr uint64_t kGnuCxx = 0x474e5543432b2b00;  // "GNUCC++\0"; the lowest byte is 1 for a rethrown copy
  constexpr size_t kUnwindHeader = 10 * sizeof(void*);
  const auto* const header = *reinterpret_cast<const char* const*>(abi::__cxa_get_globals());
  if (header == nullptr) return false;
  uint64_t language = 0;
  std::memcpy(&language, header + kUnwindHeader, sizeof language);
  return (language & ~uint64_t{1}) == kGnuCxx;
}
#else
bool ThrownByCxx() { return true; }
#endif

// Name of the type of the exception that is being handled.
std::string CurrentExceptionType() {
  if (!ThrownByCxx()) return "an exception of another language";
  const std::type_info* type = abi::__cxa_current_exception_type();
  return type == nullptr ? "unknown" : Demangle(type->name());
}

Failure Panic(std::string message, std::string stack) {
  return {.kind = FailureKind::kPanic,
          .message = std::move(message),
          .detail = stack.empty()
                        ? "no stack: covey::throw_trace is not linked, or the exception was made elsewhere"
                        : std::move(stack)};
}

// Armed while it lives.
class Armed {
 public:
  Armed() : tracer_(tracer.load(std::memory_order_acquire)) {
    if (tracer_ != nullptr) tracer_->arm();
  }
  ~Armed() {
    if (tracer_ != nullptr) tracer_->disarm();
  }
  Armed(const Armed&) = delete;
  Armed& operator=(const Armed&) = delete;

  std::string Stack() const { return tracer_ == nullptr ? std::string() : tracer_->stack(); }

 private:
  const ThrowTracer* const tracer_;
};

}  // namespace

std::string Demangle(const char* mangled) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(abi::__cxa_demangle(mangled, nullptr, nullptr, &status),
                                                    std::free);
  return status == 0 ? name.get() : mangled;
}

void SetThrowTracer(const ThrowTracer* value) { tracer.store(value, std::memory_order_release); }

namespace {

std::string WhatOf(const std::exception& error) {
  const char* const what = error.what();
  return what == nullptr ? std::string() : std::string(": ") + what;
}

// "; caused by TYPE: WHAT", for each exception that is nested in this one.
std::string CausesOf(const std::exception& error, int depth = 0) {
  constexpr int kDeepest = 16;
  const auto* const nesting = dynamic_cast<const std::nested_exception*>(&error);
  if (nesting == nullptr || nesting->nested_ptr() == nullptr || depth == kDeepest) return {};
  try {
    nesting->rethrow_nested();
  } catch (const std::exception& cause) {
    return "; caused by " + CurrentExceptionType() + WhatOf(cause) + CausesOf(cause, depth + 1);
  } catch (...) {
    return "; caused by " + CurrentExceptionType();
  }
}

}  // namespace

Status RunCaught(Status (*work)(void* argument), void* argument, const Caught& caught) {
  // As in Go: nothing catches, so the program ends with the exception's own stack intact.
  if (!caught.recover) return [&]() noexcept { return work(argument); }();
  const Armed armed;
  try {
    return work(argument);
  } catch (const abi::__forced_unwind&) {
    // pthread_cancel and pthread_exit: swallowing it would end the program.
    if (caught.thread_ends != nullptr) {
      caught.thread_ends(caught.argument,
                         Panic("the task has ended its thread (pthread_exit)", armed.Stack()));
    }
    throw;
  } catch (const std::exception& error) {
    if (caught.exception != nullptr) *caught.exception = std::current_exception();
    std::string message = CurrentExceptionType() + WhatOf(error) + CausesOf(error);
    return Panic(std::move(message), armed.Stack());
  } catch (const std::string& text) {
    if (caught.exception != nullptr) *caught.exception = std::current_exception();
    return Panic("std::string: " + text, armed.Stack());
  } catch (const char* text) {
    if (caught.exception != nullptr) *caught.exception = std::current_exception();
    return Panic(text == nullptr ? "char const*" : std::string("char const*: ") + text, armed.Stack());
  } catch (...) {
    if (caught.exception != nullptr) *caught.exception = std::current_exception();
    return Panic(CurrentExceptionType(), armed.Stack());
  }
}

}  // namespace covey
