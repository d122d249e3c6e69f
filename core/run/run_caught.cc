#include "core/run/run_caught.h"

#include <cxxabi.h>

#include <atomic>
#include <cstdlib>
#include <exception>
#include <memory>
#include <typeinfo>
#include <utility>

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

Status RunCaught(const std::function<Status()>& work, bool recover) {
  // As in Go: nothing catches, so the program ends with the exception's own stack intact.
  if (!recover) return [&]() noexcept { return work(); }();
  const Armed armed;
  try {
    return work();
  } catch (const abi::__forced_unwind&) {
    throw;  // pthread_cancel and pthread_exit: swallowing it would end the program
  } catch (const std::exception& error) {
    std::string message = CurrentExceptionType() + ": " + error.what();
    return Panic(std::move(message), armed.Stack());
  } catch (const std::string& text) {
    return Panic("std::string: " + text, armed.Stack());
  } catch (const char* text) {
    return Panic(text == nullptr ? "char const*" : std::string("char const*: ") + text, armed.Stack());
  } catch (...) {
    return Panic(CurrentExceptionType(), armed.Stack());
  }
}

}  // namespace covey
