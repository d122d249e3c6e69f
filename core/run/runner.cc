#include "core/run/runner.h"

#include <cxxabi.h>

#include <atomic>
#include <cstdlib>
#include <exception>
#include <memory>
#include <typeinfo>

namespace covey {
namespace {

std::atomic<const ThrowTracer*> tracer{nullptr};

// Name of the type of the exception that is being handled.
std::string CurrentExceptionType() {
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

std::string Disarm(const ThrowTracer* armed) { return armed == nullptr ? std::string() : armed->disarm(); }

}  // namespace

std::string Demangle(const char* mangled) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(abi::__cxa_demangle(mangled, nullptr, nullptr, &status),
                                                    std::free);
  return status == 0 ? name.get() : mangled;
}

std::string Runner::Name() const { return Demangle(typeid(*this).name()); }
std::string AsyncRunner::Name() const { return Demangle(typeid(*this).name()); }

void SetThrowTracer(const ThrowTracer* value) { tracer.store(value, std::memory_order_release); }

Status RunCaught(const std::function<Status()>& work, bool recover) {
  const ThrowTracer* const armed = tracer.load(std::memory_order_acquire);
  if (armed != nullptr) armed->arm();
  if (!recover) {
    // As in Go: nothing catches, so the program ends with the exception's own stack intact.
    return [&]() noexcept {
      Status status = work();
      Disarm(armed);
      return status;
    }();
  }
  try {
    Status status = work();
    Disarm(armed);
    return status;
  } catch (const abi::__forced_unwind&) {
    throw;  // pthread_cancel and pthread_exit: swallowing it would end the program
  } catch (const std::exception& error) {
    std::string message = CurrentExceptionType() + ": " + error.what();
    return Panic(std::move(message), Disarm(armed));
  } catch (const std::string& text) {
    return Panic("std::string: " + text, Disarm(armed));
  } catch (const char* text) {
    return Panic(text == nullptr ? "char const*" : std::string("char const*: ") + text, Disarm(armed));
  } catch (...) {
    return Panic(CurrentExceptionType(), Disarm(armed));
  }
}

}  // namespace covey
