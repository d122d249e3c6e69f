#pragma once

#include <atomic>
#include <coroutine>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "covey/result.h"
#include "server/edge/errors.h"
#include "server/edge/queue.h"
#include "server/edge/wakeup.h"

namespace covey::edge {

namespace internal {

template <class T>
class CompletionState final : public Wakeup {
 public:
  using Wakeup::Wakeup;

  bool Complete(Result<T> result) {
    if (claimed_.exchange(true, std::memory_order_relaxed)) return false;
    result_.emplace(std::move(result));
    Notify();
    return true;
  }
  Result<T> Take() { return *std::move(result_); }

 private:
  std::atomic<bool> claimed_ = false;
  std::optional<Result<T>> result_;  // written by who claimed, read after TryConsume
};

}  // namespace internal

// Gives a Completion its result. Copyable, callable from any thread, also after the Completion has gone. The
// first call counts (true), later ones are ignored (false). It fits wherever the engine takes a function of a
// Result<T>; for calls that answer nothing, wherever it takes a function of nothing or of an error, if any.
template <class T>
class Completer {
 public:
  explicit Completer(std::shared_ptr<internal::CompletionState<T>> state) : state_(std::move(state)) {}
  bool operator()(Result<T> result) const { return state_->Complete(std::move(result)); }
  bool operator()(T value) const { return state_->Complete(std::move(value)); }
  bool operator()() const requires std::is_same_v<T, Void> { return state_->Complete(Void{}); }
  bool operator()(std::optional<Error> error) const requires std::is_same_v<T, Void> {
    return error ? state_->Complete(*std::move(error)) : state_->Complete(Void{});
  }

 private:
  std::shared_ptr<internal::CompletionState<T>> state_;
};

// The result of an asynchronous call into the engine, once, and the one way to wait for one:
//
//   edge::Completion<GroupPtr> found;
//   engine.Find(id, found.completer());
//   Result<GroupPtr> group = co_await found;
//   if (!group.ok()) co_return group.error();
//
// co_await gives an error of its own, at once, when the call is over (CallCancelled: the client cancelled or
// died, the deadline passed, the server was forced down) and, with OnStop::kWake, when the server is stopping
// (ServerStopping). The completer may run before the co_await, on this thread or any other, long after, or
// never. A value that comes too late is destroyed with the last completer, on whichever thread that is. Made
// and awaited, once, on the queue's thread, inside a handler.
template <class T>
class Completion {
 public:
  class [[nodiscard]] Awaiter final : public Waiter {
   public:
    Awaiter(internal::CompletionState<T>& state, OnStop on_stop) : Waiter(on_stop), state_(state) {}
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> handle) {
      if (!state_.TryWait(*this)) return false;
      if (Suspend(handle)) return true;
      state_.StopWaiting();
      return false;
    }
    Result<T> await_resume() {
      if (wake() == Wake::kDone && state_.TryConsume()) return state_.Take();
      return wake() == Wake::kStopping ? ServerStopping() : CallCancelled();
    }

   private:
    void Detach() override { state_.StopWaiting(); }
    internal::CompletionState<T>& state_;
  };

  explicit Completion(OnStop on_stop = OnStop::kWait)
      : state_(std::make_shared<internal::CompletionState<T>>(Queue::Current()->mailbox())),
        on_stop_(on_stop) {}
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;

  Completer<T> completer() const { return Completer<T>(state_); }
  Awaiter operator co_await() const { return {*state_, on_stop_}; }

 private:
  const std::shared_ptr<internal::CompletionState<T>> state_;
  const OnStop on_stop_;
};

}  // namespace covey::edge
