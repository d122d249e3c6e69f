#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

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
  using Clock = std::chrono::steady_clock;
  class Registration;

  // Never cancelled, no deadline.
  static Context Background();

  // Without a parent: ends by Cancel alone. It shows `deadline`, but whoever owns it sees to that, because
  // something has to be decided before the work is told.
  static Context Owned(std::optional<Clock::time_point> deadline,
                       std::shared_ptr<TimerQueue> timers = nullptr);

  // Children of this context. WithDeadline takes the earlier of `deadline` and what this context has; one
  // that has passed ends the child at once. Default of `timers`: this context's, else that of the process.
  Context WithCancel() const;
  Context WithDeadline(Clock::time_point deadline, std::shared_ptr<TimerQueue> timers = nullptr) const;
  Context WithTimeout(std::chrono::nanoseconds timeout, std::shared_ptr<TimerQueue> timers = nullptr) const;

  // Cancels this context and its children; false when it was over already. Not for Background().
  bool Cancel(Failure cause) const;
  bool Cancel() const { return Cancel({.kind = FailureKind::kCancelled, .message = "cancelled"}); }

  bool done() const;
  // OK while not done.
  Status cause() const;
  std::optional<Clock::time_point> deadline() const;
  // Time to the deadline, not less than 0; nullopt without one.
  std::optional<std::chrono::nanoseconds> remaining() const;

  // Blocks until done.
  void Wait() const;
  // Blocks until done (true) or until `duration` has passed (false).
  bool WaitFor(std::chrono::nanoseconds duration) const;

  // Calls `callback` once when the context is done, on the thread that ended it, without a lock; at once when
  // it is over already. Never after the registration is gone: its destructor waits for a call under way on
  // another thread.
  [[nodiscard]] Registration OnDone(std::function<void()> callback) const;

 private:
  struct State;
  explicit Context(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

// Holds a callback in place.
class Context::Registration {
 public:
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

}  // namespace covey
