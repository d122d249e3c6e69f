#pragma once

#include <chrono>
#include <coroutine>
#include <memory>
#include <utility>

#include "server/edge/timed_waiter.h"
#include "server/edge/wakeup.h"

namespace covey::edge {

// Wakes a Signal. Copyable, callable from any thread, any number of times, also after the Signal has gone.
class Notifier {
 public:
  explicit Notifier(std::shared_ptr<Wakeup> wakeup) : wakeup_(std::move(wakeup)) {}
  void operator()() const { wakeup_->Notify(); }

 private:
  std::shared_ptr<Wakeup> wakeup_;
};

// "Something new is there", many times over: for a handler that follows a live source.
//
//   edge::Signal news;
//   Subscription subscription = engine.Subscribe(filter, news.notifier());
//   for (;;) {
//     ... write all that subscription.Take() has ...
//     const edge::Wake wake = co_await news.Wait();
//     if (wake != edge::Wake::kDone) co_return call.EndStatus();
//   }
//
// Notifications that come before the next Wait are one. What the notifying thread wrote before it notified is
// seen after the Wait. A Wait ends with kCancelled when the call is over, with kStopping when the server
// stops and no notification is pending, with kTimeout at its deadline. One coroutine waits at a time. Made
// and awaited on the queue's thread, inside a handler.
class Signal {
 public:
  using Clock = std::chrono::steady_clock;

  class [[nodiscard]] Awaiter final : public TimedWaiter {
   public:
    Awaiter(Wakeup& wakeup, Clock::time_point deadline)
        : TimedWaiter(OnStop::kWake, deadline), wakeup_(wakeup) {}
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> handle);
    Wake await_resume();

   private:
    void Detach() override;
    Wakeup& wakeup_;
  };

  Signal();
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  Notifier notifier() const { return Notifier(wakeup_); }
  void Notify() const { wakeup_->Notify(); }

  Awaiter Wait() const { return {*wakeup_, Clock::time_point::max()}; }
  Awaiter WaitUntil(Clock::time_point deadline) const { return {*wakeup_, deadline}; }
  Awaiter WaitFor(Clock::duration duration) const { return {*wakeup_, Clock::now() + duration}; }

 private:
  const std::shared_ptr<Wakeup> wakeup_;
};

}  // namespace covey::edge
