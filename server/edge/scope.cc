#include "server/edge/scope.h"

#include "server/edge/queue.h"

namespace covey::edge {

void Runnable::EnterCurrentScope() { scope_ = Queue::Current()->current_scope(); }

bool Waiter::Suspend(std::coroutine_handle<> handle) {
  EnterCurrentScope();
  Scope& scope = *this->scope();
  if (scope.cancelled()) {
    wake_ = Wake::kCancelled;
    return false;
  }
  if (on_stop_ == OnStop::kWake && scope.stopping()) {
    wake_ = Wake::kStopping;
    return false;
  }
  handle_ = handle;
  scope.Add(*this);
  return true;
}

Scope::Scope(Queue& queue, Scope* parent) : queue_(queue), parent_(parent) {
  if (parent_ == nullptr) return;
  parent_->children_.PushBack(*this);
  cancelled_ = parent_->cancelled_;
}

Scope::~Scope() {
  if (linked()) Unlink();
}

bool Scope::stopping() const { return queue_.stopping(); }

bool Scope::Contains(const Scope* other) const {
  while (other != nullptr && other != this) other = other->parent_;
  return other == this;
}

void Scope::Cancel() {
  cancelled_ = true;
  for (Scope* child = children_.Front(); child != nullptr; child = children_.Next(*child)) child->Cancel();
  while (Waiter* waiter = waiting_.Front()) WakeUp(*waiter, Wake::kCancelled);
}

void Scope::Stop() {
  for (Scope* child = children_.Front(); child != nullptr; child = children_.Next(*child)) child->Stop();
  Waiter* next = nullptr;
  for (Waiter* waiter = waiting_.Front(); waiter != nullptr; waiter = next) {
    next = waiting_.Next(*waiter);
    if (waiter->on_stop() == OnStop::kWake) WakeUp(*waiter, Wake::kStopping);
  }
}

void Scope::WakeUp(Waiter& waiter, Wake wake) {
  waiter.Unlink();
  waiter.set_wake(wake);
  waiter.Detach();
  waiter.scope()->queue_.AddReady(waiter);
}

void MakeReady(Runnable& runnable) { Queue::Current()->AddReady(runnable); }

}  // namespace covey::edge
