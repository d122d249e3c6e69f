#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "covey/span.h"
#include "covey/status.h"

namespace covey {

class TimerQueue;

// Tells work when to end, and why: a cancellation with a cause, an optional deadline, and a parent whose end
// is its own. A handle: copies are the same context.
//
// Thread safety: all of it. The first cause wins and never changes; a child takes over its parent's. A
// deadline that passes is a cause of kind timeout. A child leaves its parent's list in O(1) when its last
// handle goes.
class Context {
 public:
  // What deadlines are of.
  using Clock = std::chrono::steady_clock;
  class Registration;

  // Never cancelled, no deadline.
  static const Context& Background();

  // Without a parent: ends by Cancel alone. It shows `deadline`, but whoever owns it sees to that, because
  // something has to be decided before the work is told.
  static Context Owned(std::optional<Clock::time_point> deadline,
                       std::shared_ptr<TimerQueue> timers = nullptr);

  // Children of this context. WithDeadline takes the earlier of `deadline` and what this context has; one
  // that has passed ends the child at once. Default of `timers`: this context's, else that of the process.
  Context WithCancel() const;
  Context WithDeadline(Clock::time_point deadline, std::shared_ptr<TimerQueue> timers = nullptr) const;
  Context WithTimeout(Span timeout, std::shared_ptr<TimerQueue> timers = nullptr) const;
  // A child that carries a value, found by its type: a type of its own for each meaning.
  template <typename T>
  Context WithValue(T value) const {
    return WithValueOf(&kKeyOf<T>, std::make_shared<const T>(std::move(value)));
  }
  // That of this context, or of the nearest above it; null: there is none. Lives as long as this context.
  template <typename T>
  const T* Value() const {
    return static_cast<const T*>(ValueOf(&kKeyOf<T>));
  }

  // Moves the deadline of this context, which WithDeadline or WithTimeout has made: earlier, or later, but not past its
  // parent's. False when it is over already, or has no deadline of its own to move.
  bool MoveDeadline(Clock::time_point deadline) const;

  // Cancels this context and its children; false when it was over already. Not for Background().
  bool Cancel(Failure cause) const;
  bool Cancel() const { return Cancel({.kind = FailureKind::kCancelled, .message = "cancelled"}); }

  // Whether both are handles of one context.
  bool operator==(const Context& other) const { return state_ == other.state_; }

  // Whether it is over.
  bool done() const;
  // OK while not done.
  Status cause() const;
  std::optional<Clock::time_point> deadline() const;
  // Time to the deadline, not less than 0; nullopt without one.
  std::optional<std::chrono::nanoseconds> remaining() const;

  // Blocks until done.
  void Wait() const;
  // Blocks until done (true) or until `duration` has passed (false).
  bool WaitFor(Span duration) const;
  // Blocks until `condition` holds, which is asked with `lock` held and when `changed` was notified: true; or until
  // done: false. Whoever changes what the condition reads notifies as ever, and knows nothing of the context.
  template <typename ConditionVariable, typename Lock, typename Condition>
  bool WaitOn(ConditionVariable& changed, Lock& lock, Condition condition) const;

  // Calls `callback` once when the context is done, without a lock: on the thread that ended it, or for a deadline on
  // one of the library's; at once when it is over already. Never after the registration is gone: its destructor waits
  // for a call under way on another thread. What it throws is told on stderr and ends nothing.
  [[nodiscard]] Registration OnDone(std::function<void()> callback) const;

 private:
  struct State;
  template <typename T>
  static constexpr char kKeyOf = 0;

  explicit Context(std::shared_ptr<State> state) : state_(std::move(state)) {}
  Context WithValueOf(const void* key, std::shared_ptr<const void> value) const;
  const void* ValueOf(const void* key) const;

  std::shared_ptr<State> state_;
};

// Holds a callback in place.
class Context::Registration {
 public:
  // Holds nothing.
  Registration() = default;
  Registration(Registration&&) noexcept = default;
  Registration& operator=(Registration&& other) noexcept {
    Reset();
    state_ = std::move(other.state_);
    id_ = other.id_;
    return *this;
  }
  ~Registration() { Reset(); }
  // Withdraws the callback now.
  void Reset();

 private:
  friend class Context;
  Registration(std::shared_ptr<State> state, uint64_t id) : state_(std::move(state)), id_(id) {}
  std::shared_ptr<State> state_;
  uint64_t id_ = 0;
};

template <typename ConditionVariable, typename Lock, typename Condition>
bool Context::WaitOn(ConditionVariable& changed, Lock& lock, Condition condition) const {
  if (condition()) return true;
  // The callback takes the lock, so that its word is not lost between a look and a wait; so nothing here waits for the
  // callback with the lock held.
  lock.unlock();
  auto* const mutex = lock.mutex();
  Registration registration = OnDone([mutex, &changed] {
    const std::lock_guard guard(*mutex);
    changed.notify_all();
  });
  lock.lock();
  bool holds = condition();
  while (!holds && !done()) {
    changed.wait(lock);
    holds = condition();
  }
  lock.unlock();
  registration.Reset();
  lock.lock();
  return holds;
}

// A context that ends when the program gets one of these signals, as in SignalContext({SIGINT, SIGTERM}); the cause
// names it. A second one ends the program, as it would without this. Call it in main before there are threads, once: the
// signals are blocked for all of them, and a thread of the library takes them.
Context SignalContext(std::initializer_list<int> signals);

}  // namespace covey
