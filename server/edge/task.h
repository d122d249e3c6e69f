#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "core/base/check.h"
#include "server/edge/scope.h"

namespace covey::edge {

template <class T = void>
class Task;
template <class T>
class Child;

namespace internal {

// What the promises of all tasks share. The end of a task never resumes another coroutine directly: it makes
// the one that waits ready, so stacks stay flat without relying on tail calls (sanitizer builds have none).
class PromiseBase {
 public:
  class FinalAwaiter {
   public:
    FinalAwaiter() noexcept {}
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> handle) const noexcept {
      Runnable* continuation = handle.promise().continuation_;
      if (continuation != nullptr) MakeReady(*continuation);
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { exception_ = std::current_exception(); }

  void set_continuation(Runnable* continuation) { continuation_ = continuation; }
  void RethrowIfFailed() {
    if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
  }

 private:
  Runnable* continuation_ = nullptr;
  std::exception_ptr exception_;
};

template <class T>
class Promise : public PromiseBase {
 public:
  Task<T> get_return_object() noexcept;
  template <class U>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  T TakeResult() {
    RethrowIfFailed();
    return std::move(*value_);
  }

 private:
  std::optional<T> value_;
};

template <>
class Promise<void> : public PromiseBase {
 public:
  Task<void> get_return_object() noexcept;
  void return_void() noexcept {}
  void TakeResult() { RethrowIfFailed(); }
};

// Waits for a started task's end. Not cancellable by itself: the task ends early when its own waits are
// cancelled, and then this goes on.
template <class T>
class EndAwaiter final : public Runnable {
 public:
  EndAwaiter(std::coroutine_handle<Promise<T>> task, bool start) : task_(task), start_(start) {}

  bool await_ready() const noexcept { return !start_ && task_.done(); }
  bool await_suspend(std::coroutine_handle<> waiting) {
    if (start_) {
      task_.resume();
      if (task_.done()) return false;
    }
    waiting_ = waiting;
    EnterCurrentScope();
    task_.promise().set_continuation(this);
    return true;
  }
  T await_resume() { return task_.promise().TakeResult(); }

  void Run() override { waiting_.resume(); }

 private:
  const std::coroutine_handle<Promise<T>> task_;
  const bool start_;
  std::coroutine_handle<> waiting_;
};

}  // namespace internal

// A coroutine on a queue's thread that returns a T (or throws). It is lazy: the body starts when the task is
// awaited, when it is given to a Child, or (a handler) when its call has come in. A task belongs to whoever
// holds it and must have ended, or never have been started, when it is destroyed.
//
// Handlers return Task<grpc::Status>; helpers of handlers may return any Task and are awaited once:
//
//   edge::Task<bool> SendAll(Stream& call, const std::vector<Event>& events);
//   ...
//   edge::Task<bool> sending = SendAll(call, events);
//   const bool ok = co_await sending;
//
// Parameters by reference must outlive the task. GCC 12 miscompiles some temporaries inside co_await
// expressions: give arguments that own something a name first.
template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = internal::Promise<T>;

  Task() = default;
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool valid() const { return handle_ != nullptr; }
  bool done() const { return handle_.done(); }

  // Runs the task inside the caller's coroutine. Of named tasks only, for GCC 12's sake.
  internal::EndAwaiter<T> operator co_await() const& { return {handle_, /*start=*/true}; }
  void operator co_await() const&& = delete;

  // For those that drive tasks: starts it here and now; `continuation` is made ready when it has ended.
  void Start(Runnable& continuation) {
    handle_.promise().set_continuation(&continuation);
    handle_.resume();
  }
  // Requires done(). Returns the result or throws what the task threw; once.
  T TakeResult() { return handle_.promise().TakeResult(); }

 private:
  friend promise_type;
  friend class Child<T>;
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}

  std::coroutine_handle<promise_type> handle_;
};

template <class T>
Task<T> internal::Promise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> internal::Promise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

}  // namespace covey::edge
