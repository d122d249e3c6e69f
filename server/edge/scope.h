#pragma once

#include <coroutine>
#include <cstdint>

#include "server/edge/list.h"

namespace covey::edge {

class Queue;
class Scope;

// Something that is due to run on a queue's thread: a suspended coroutine, or the end of a handler.
class Runnable : public ListHook {
 public:
  virtual void Run() = 0;
  Scope* scope() const { return scope_; }

 protected:
  Runnable() = default;
  // Not virtual: a Runnable lives in a coroutine's frame, and awaiters with trivial destructors are those
  // that GCC 12 does not miscompile.
  ~Runnable() = default;

  // The scope in which it will run; by default the one in which the queue is running now.
  void EnterScope(Scope& scope) { scope_ = &scope; }
  void EnterCurrentScope();

 private:
  Scope* scope_ = nullptr;
};

// Why a suspended coroutine goes on.
enum class Wake : uint8_t {
  kDone,       // what it waited for has happened
  kTimeout,    // the time it gave has passed
  kStopping,   // the server is stopping: answer and return
  kCancelled,  // the call is over, or the Child was cancelled: clean up and return
};

// Whether the server's stopping ends a wait. Waits that may last for ever (a stream of events, the end of a
// group) must end, waits that the engine bounds (a commit) need not.
enum class OnStop : uint8_t { kWait, kWake };

// One suspended co_await of this library. It lives in the coroutine's frame and is linked, while suspended,
// into its scope, by which it can be woken early; once woken it waits in its queue's list of ready
// coroutines.
class Waiter : public Runnable {
 public:
  void Run() final { handle_.resume(); }

  OnStop on_stop() const { return on_stop_; }
  Wake wake() const { return wake_; }
  void set_wake(Wake wake) { wake_ = wake; }

  // Called once by its scope, when it is woken for whatever reason: its sources must forget it.
  virtual void Detach() = 0;

 protected:
  explicit Waiter(OnStop on_stop) : on_stop_(on_stop) {}
  ~Waiter() = default;

  // Suspends `handle` in the current scope. False: the scope has ended, wake() says how, do not suspend.
  bool Suspend(std::coroutine_handle<> handle);

 private:
  std::coroutine_handle<> handle_;
  const OnStop on_stop_;
  Wake wake_ = Wake::kDone;
};

// The extent of a call, or of a Child within it: everything that is suspended there, so that all of it can be
// woken at once. A scope's parent outlives it. Belongs to its queue's thread.
//
// Invariants:
// 1. A coroutine of a cancelled scope never stays suspended in a Waiter: those there are woken with
// kCancelled,
//    later ones do not suspend.
// 2. Waking only makes ready. No coroutine is resumed from inside another one (but see ~Child).
class Scope : public ListHook {
 public:
  Scope(Queue& queue, Scope* parent);
  ~Scope();

  Queue& queue() const { return queue_; }
  bool cancelled() const { return cancelled_; }
  // This one or one inside it.
  bool Contains(const Scope* other) const;

  // Wakes everything in here and in the scopes inside with kCancelled, for good. Idempotent.
  void Cancel();
  // Wakes what waits with OnStop::kWake; the queue's stopping flag ends later waits of that kind.
  void Stop();

  bool stopping() const;
  // Suspends a waiter here, until WakeUp.
  void Add(Waiter& waiter) { waiting_.PushBack(waiter); }
  // Makes a suspended waiter ready.
  static void WakeUp(Waiter& waiter, Wake wake);

 private:
  Queue& queue_;
  Scope* const parent_;
  bool cancelled_ = false;
  List<Scope> children_;
  List<Waiter> waiting_;
};

// Puts `runnable` at the end of the current queue's list of what is ready.
void MakeReady(Runnable& runnable);

}  // namespace covey::edge
