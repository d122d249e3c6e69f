#pragma once

#include <chrono>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "covey/context.h"
#include "covey/detail/task_node.h"
#include "covey/span.h"
#include "covey/status.h"

namespace covey {

// What can be a task: a callable that takes a `const covey::Context&` or nothing, and returns nothing, a Status, a
// value or a Result<T>. It is called once, and may be move-only.
template <typename F>
concept TaskFunction =
    std::invocable<std::decay_t<F> &&, const Context&> || std::invocable<std::decay_t<F>&&>;

// What the handle of the task F has as its value: void when it returns nothing or a Status.
template <TaskFunction F>
using TaskValue = typename detail::ValueOf<typename detail::Returned<std::decay_t<F>>::Type>::Type;

// How a task is started. A text alone is its name.
struct TaskOptions {
  // None, or a name.
  TaskOptions() = default;
  TaskOptions(std::string task_name) : name(std::move(task_name)) {}  // NOLINT(google-explicit-constructor)
  TaskOptions(std::string_view task_name) : name(task_name) {}        // NOLINT(google-explicit-constructor)
  TaskOptions(const char* task_name) : name(task_name) {}             // NOLINT(google-explicit-constructor)

  // For logs and failures; empty: its number, from 0, and in logs the type of its callable.
  std::string name{};
  // Refused with ErrDispatchTimeout when no slot was free until then. None: Go blocks as long as it takes.
  std::optional<Context::Clock::time_point> start_by{};
  // The task has failed with kind timeout when it has not ended so long after its start; its context ends then.
  std::optional<Span> timeout{};
};

// A task that was handed to a group, whatever its value: how it ended, and its end. It may be dropped at any time: the
// task goes on, and the group alone knows of it.
//
// Lifetime: may outlive the group. Thread safety: each call of one handle after the other; different handles at once.
class TaskBase {
 public:
  // No task; and one that is handed on.
  TaskBase() = default;
  TaskBase(TaskBase&& other) noexcept
      : node_(std::exchange(other.node_, nullptr)), refusal_(std::move(other.refusal_)) {}
  TaskBase& operator=(TaskBase&& other) noexcept {
    if (this != &other) {
      Drop();
      node_ = std::exchange(other.node_, nullptr);
      refusal_ = std::move(other.refusal_);
    }
    return *this;
  }
  TaskBase(const TaskBase&) = delete;
  TaskBase& operator=(const TaskBase&) = delete;
  ~TaskBase() { Drop(); }

  // Whether the group has taken the task, and if not, why. (How it ended, Wait says.)
  bool ok() const { return refusal_.ok(); }
  const Failure& failure() const { return refusal_.failure(); }
  FailureKind kind() const { return refusal_.kind(); }
  std::string_view message() const { return refusal_.message(); }
  const Status& admission() const { return refusal_; }
  operator Status() const { return refusal_; }  // NOLINT(google-explicit-constructor): the answer of Go

  // True once the task has ended, or was refused.
  bool ended() const;
  // Blocks until the task has ended; how it did, or why it was refused. Not from the task itself. Requires a task.
  Status Wait() const;
  // False when the task has not ended in time.
  bool WaitFor(Span duration) const;
  // Ends this task alone: its context, or when it has not started, itself. It then counts as a failure of kind
  // cancelled, whatever it returns. Nothing when it has ended.
  void Cancel(Failure cause = {.kind = FailureKind::kCancelled, .message = "cancelled"}) const;

 protected:
  // Of a node, or of a refusal.
  TaskBase(detail::TaskNode* node, Status refusal) : node_(node), refusal_(std::move(refusal)) {}
  // Of the value, once it has succeeded. Ends the program when it has none.
  void* Value() const;

 private:
  void Drop() {
    if (node_ != nullptr) node_->DropHandle();
  }

  detail::TaskNode* node_ = nullptr;  // null: refused, or moved from
  Status refusal_;
};

// The handle of a task with a value.
template <typename T = void>
class Task : public TaskBase {
 public:
  Task() = default;

  // Waits for the task. Requires that it succeeds: otherwise the program ends.
  T& value() { return *static_cast<T*>(Value()); }
  const T& value() const { return *static_cast<const T*>(Value()); }

 private:
  friend class Group;
  using TaskBase::TaskBase;
};

// The handle of a task without one.
template <>
class Task<void> : public TaskBase {
 public:
  Task() = default;

 private:
  friend class Group;
  using TaskBase::TaskBase;
};

}  // namespace covey
