#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "covey/context.h"
#include "covey/detail/work.h"
#include "covey/result.h"
#include "covey/status.h"

// How a task is kept. Nothing here is for use by itself.
namespace covey::detail {

class TaskNode;
struct TaskExtra;

// What a callable does as a task: one table for each type of callable.
struct TaskOps {
  Status (*invoke)(TaskNode& node, const Context& context);
  void (*destroy)(TaskNode& node);
  std::string (*name)(const TaskNode& node);
  bool wants_context = false;
  bool wants_thread = true;
};

// A task between Go and its end, and as long as there is a handle: its callable, what the pool queues, and the few words
// that its handle and its thread share. Callables of up to kInside bytes are kept inside.
class TaskNode : public WorkItem {
 public:
  static constexpr size_t kInside = 40;

  // Bits of `state`.
  static constexpr uint32_t kHandle = 1;   // there is a handle
  static constexpr uint32_t kTask = 2;     // the task has not ended
  static constexpr uint32_t kAwaited = 4;  // somebody sleeps until it has
  static constexpr uint32_t kQuit = 8;     // cancelled by itself

  // One with a handle and a task, from a list of nodes to use again.
  static TaskNode& New();
  void DropHandle();
  // The handle is still there: somebody may ask for the outcome.
  bool wanted() const { return (state.load(std::memory_order_acquire) & kHandle) != 0; }

  // Keeps the value of the task for its handle.
  void KeepValue(std::shared_ptr<void> value);
  // Null: there is none. Requires that the task has ended.
  void* value() const;

  const TaskOps* ops = nullptr;
  uint32_t index = 0;
  std::atomic<uint32_t> state = 0;
  TaskExtra* extra = nullptr;  // what most tasks do not need; null: nothing of it yet
  alignas(8) std::byte inside[kInside];
};
static_assert(sizeof(void*) != 8 || sizeof(TaskNode) == 88);

// "[with F = X; …]", as compilers write it, to "X".
std::string TypeIn(std::string_view function);
// Name of the function at this address, else nothing.
std::string FunctionAt(const void* address);
Status StatusOf(const Error& error);

template <typename F>
inline constexpr bool kTakesContext = std::is_invocable_v<F&&, const Context&>;

template <typename F>
auto Call(F&& function, const Context& context) {
  if constexpr (kTakesContext<F>) {
    return std::invoke(std::forward<F>(function), context);
  } else {
    return std::invoke(std::forward<F>(function));
  }
}

template <typename F, bool = std::is_invocable_v<F&&, const Context&> || std::is_invocable_v<F&&>>
struct Returned {};
template <typename F>
struct Returned<F, true> {
  using Type = std::remove_cvref_t<decltype(Call(std::declval<F>(), std::declval<const Context&>()))>;
};

// What the handle of such a task has: void for those that return nothing or a Status.
template <typename R>
struct ValueOf {
  using Type = std::conditional_t<std::is_convertible_v<R, Status>, void, R>;
};
template <>
struct ValueOf<void> {
  using Type = void;
};
template <typename T>
struct ValueOf<Result<T>> {
  using Type = std::conditional_t<std::is_same_v<T, Void>, void, T>;
};

template <typename T>
Status Keep(TaskNode& node, T&& value) {
  if (node.wanted()) node.KeepValue(std::make_shared<std::remove_cvref_t<T>>(std::forward<T>(value)));
  return Status::Ok();
}
template <typename T>
Status Keep(TaskNode& node, Result<T>&& result) {
  if (!result.ok()) return StatusOf(result.error());
  if constexpr (std::is_same_v<T, Void>) {
    return Status::Ok();
  } else {
    return Keep(node, std::move(result.value()));
  }
}

template <typename F>
struct OpsOf {
  // NOLINTNEXTLINE(misc-redundant-expression): of some types both are 8
  static constexpr bool kFits = sizeof(F) <= TaskNode::kInside && alignof(F) <= 8;

  static F& Callable(const TaskNode& node) {
    auto* const inside = const_cast<std::byte*>(node.inside);
    if constexpr (kFits) {
      return *std::launder(reinterpret_cast<F*>(inside));
    } else {
      return **std::launder(reinterpret_cast<F**>(inside));
    }
  }
  template <typename G>
  static void Construct(TaskNode& node, G&& function) {
    if constexpr (kFits) {
      ::new (static_cast<void*>(node.inside)) F(std::forward<G>(function));
    } else {
      ::new (static_cast<void*>(node.inside)) F*(new F(std::forward<G>(function)));
    }
  }

  static Status Invoke(TaskNode& node, const Context& context) {
    using R = typename Returned<F>::Type;
    F& function = Callable(node);
    if constexpr (std::is_void_v<R>) {
      Call(std::move(function), context);
      return Status::Ok();
    } else if constexpr (std::is_convertible_v<R, Status>) {
      return Call(std::move(function), context);
    } else {
      return Keep(node, Call(std::move(function), context));
    }
  }
  static void Destroy(TaskNode& node) {
    if constexpr (kFits) {
      Callable(node).~F();
    } else {
      delete &Callable(node);
    }
  }
  static std::string Name(const TaskNode& node) {
    if constexpr (std::is_pointer_v<F>) {
      std::string name = FunctionAt(reinterpret_cast<const void*>(Callable(node)));
      if (!name.empty()) return name;
    } else {
      static_cast<void>(node);
    }
    return TypeIn(__PRETTY_FUNCTION__);
  }

  static constexpr TaskOps kOps = {
      .invoke = Invoke, .destroy = Destroy, .name = Name, .wants_context = kTakesContext<F>};
};

// Calls a function at the end of its scope.
template <typename F>
class AtEnd {
 public:
  explicit AtEnd(F function) : function_(std::move(function)) {}
  ~AtEnd() { function_(); }
  AtEnd(const AtEnd&) = delete;
  AtEnd& operator=(const AtEnd&) = delete;

 private:
  F function_;
};

// What a function returns, which is a Status or nothing.
template <typename F>
Status StatusFrom(F&& function) {
  if constexpr (std::is_void_v<decltype(function())>) {
    function();
    return Status::Ok();
  } else {
    return function();
  }
}

// Holds a node until the task has been taken, so that what throws on the way loses nothing.
class NewNode {
 public:
  NewNode() : node_(&TaskNode::New()) {}
  ~NewNode();  // with its callable, when there is one
  NewNode(const NewNode&) = delete;
  NewNode& operator=(const NewNode&) = delete;

  TaskNode& operator*() const { return *node_; }
  TaskNode* Release() { return std::exchange(node_, nullptr); }

 private:
  TaskNode* node_;
};

template <typename F>
void Fill(TaskNode& node, F&& function) {
  using Kept = std::decay_t<F>;
  OpsOf<Kept>::Construct(node, std::forward<F>(function));
  node.ops = &OpsOf<Kept>::kOps;
}

}  // namespace covey::detail
