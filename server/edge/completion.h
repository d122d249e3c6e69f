#pragma once

#include <atomic>
#include <coroutine>
#include <memory>
#include <optional>
#include <utility>

#include "server/edge/queue.h"
#include "server/edge/wakeup.h"

namespace covey::edge {

namespace internal {

template <class T>
class CompletionState final : public Wakeup {
 public:
  using Wakeup::Wakeup;

  bool Complete(T value) {
    if (claimed_.exchange(true, std::memory_order_relaxed)) return false;
    value_.emplace(std::move(value));
    Notify();
    return true;
  }
  std::optional<T> Take() { return std::move(value_); }

 private:
  std::atomic<bool> claimed_ = false;
  std::optional<T> value_;  // written by who claimed, read after TryConsume
};

}  // namespace internal

// Gives a Completion its value. Copyable, callable from any thread, also after the Completion has gone. The
// first call counts (true), later ones are ignored (false).
template <class T>
class Completer {
 public:
  explicit Completer(std::shared_ptr<internal::CompletionState<T>> state) : state_(std::move(state)) {}
  bool operator()(T value) const { return state_->Complete(std::move(value)); }

 private:
  std::shared_ptr<internal::CompletionState<T>> state_;
};

// The result of an asynchronous call into the engine, once:
//
//   edge::Completion<WaitResult> finished(edge::OnStop::kWake);
//   const uint64_t waiter = engine.Wait(id, finished.completer());
//   std::optional<WaitResult> result = co_await finished;
//   if (!result) {                       // nobody will read it any more
//     engine.CancelWait(id, waiter);
//     co_return call.EndStatus();
//   }
//
// co_await gives nullopt, at once, when the call is over (the client cancelled or died, the deadline passed,
// the server was forced down) and, with OnStop::kWake, when the server is stopping. The completer may run
// before the co_await, on this thread or any other, long after, or never. A value that comes too late is
// destroyed with the last completer, on whichever thread that is. Made and awaited, once, on the queue's
// thread, inside a handler.
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
    std::optional<T> await_resume() {
      if (wake() == Wake::kDone && state_.TryConsume()) return state_.Take();
      return std::nullopt;
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
