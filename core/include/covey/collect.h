#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "covey/context.h"
#include "covey/group.h"
#include "covey/status.h"
#include "covey/task.h"

namespace covey {

// A value, or the failure for want of which there is none.
template <typename T>
struct [[nodiscard]] Outcome {
  Status status{};
  std::optional<T> value{};

  // Whether there is a value.
  bool ok() const { return status.ok() && value.has_value(); }
  explicit operator bool() const { return ok(); }
  // Requires ok().
  T& operator*() { return *value; }
  const T& operator*() const { return *value; }
  T* operator->() { return &*value; }
  const T* operator->() const { return &*value; }
};

// What can be gone through. (Not std::ranges' concepts: clang 14 and libc++ 14 know no ranges.)
template <typename R>
concept Range = requires(R& range) {
  std::begin(range) != std::end(range);
  *std::begin(range);
};

namespace detail {

template <typename F, typename Item>
auto CallWith(F& function, Item&& item, const Context& context) {
  if constexpr (std::is_invocable_v<F&, Item&&, const Context&>) {
    return function(std::forward<Item>(item), context);
  } else {
    static_assert(std::is_invocable_v<F&, Item&&>,
                  "the function takes an element of the range, and a const covey::Context& if it wants one");
    return function(std::forward<Item>(item));
  }
}

template <typename R>
using ItemOf = decltype(*std::begin(std::declval<R&>()));

template <typename R, typename F>
using ItemValue = typename ValueOf<std::remove_cvref_t<decltype(CallWith(
    std::declval<F&>(), std::declval<ItemOf<R>>(), std::declval<const Context&>()))>>::Type;

// A task for each element: `call` gets its number, the element and the context.
template <typename R, typename Call>
Status ForEachNumbered(R& range, const Call& call, Group::Options options) {
  Group group(std::move(options));
  size_t number = 0;
  for (auto&& item : range) {
    bool taken = false;
    if constexpr (std::is_lvalue_reference_v<decltype(item)>) {
      taken = group
                  .Go([&call, number, kept = &item](const Context& context) {
                    return call(number, *kept, context);
                  })
                  .ok();
    } else {
      taken = group
                  .Go([&call, number, kept = std::move(item)](const Context& context) mutable {
                    return call(number, std::move(kept), context);
                  })
                  .ok();
    }
    if (!taken) break;  // Wait says why
    ++number;
  }
  return group.Wait();
}

}  // namespace detail

// Calls `function` with each element of `range`, at most `options.limit` at once, and waits for all. The first failure
// cancels the rest and is the answer. The function takes an element, and a Context if it wants one; it returns nothing or
// a Status. Range and function live until this returns.
template <Range R, typename F>
Status ForEach(R&& range, F function, Group::Options options = {}) {
  return detail::ForEachNumbered(
      range,
      [&function](size_t, auto&& item, const Context& context) {
        return detail::CallWith(function, std::forward<decltype(item)>(item), context);
      },
      std::move(options));
}
template <Range R, typename F>
Status ForEach(R&& range, F function, uint32_t limit) {
  return ForEach(std::forward<R>(range), std::move(function), Group::Options{.limit = limit});
}

// The same for a function that returns a value, or a Result of one: the values in the order of the range, which can be
// gone through twice.
template <Range R, typename F>
auto Collect(R&& range, F function, Group::Options options = {}) {
  using T = detail::ItemValue<R, F>;
  static_assert(!std::is_void_v<T>,
                "the function of Collect returns a value; ForEach is for those that do not");
  std::vector<std::optional<T>> values(
      static_cast<size_t>(std::distance(std::begin(range), std::end(range))));
  Status status = detail::ForEachNumbered(
      range,
      [&](size_t number, auto&& item, const Context& context) -> Status {
        auto value = detail::CallWith(function, std::forward<decltype(item)>(item), context);
        if constexpr (std::is_same_v<decltype(value), T>) {
          values[number].emplace(std::move(value));
        } else {
          if (!value.ok()) return detail::StatusOf(value.error());
          values[number].emplace(std::move(value.value()));
        }
        return Status::Ok();
      },
      std::move(options));
  Outcome<std::vector<T>> outcome{std::move(status), std::nullopt};
  if (outcome.status.ok()) {
    outcome.value.emplace();
    outcome.value->reserve(values.size());
    for (std::optional<T>& value : values) outcome.value->push_back(std::move(*value));
  }
  return outcome;
}
template <Range R, typename F>
auto Collect(R&& range, F function, uint32_t limit) {
  return Collect(std::forward<R>(range), std::move(function), Group::Options{.limit = limit});
}

// Runs all, and answers with the value of the first that succeeds; the others are cancelled, and have stopped when this
// returns. Fails when none succeeds, with the first failure. Each is a task with the same type of value.
template <TaskFunction F, TaskFunction... More>
auto Any(F first, More... more) {
  using T = TaskValue<F>;
  static_assert((std::is_same_v<T, TaskValue<More>> && ...), "the tasks of Any have the same type of value");
  static_assert(!std::is_void_v<T>,
                "the tasks of Any return a value; a Group with Policy::kAny is for those that do not");
  Group group({.policy = Policy::kAny});
  std::mutex mutex;
  std::optional<T> winner;
  const auto go = [&](auto function) {
    group.Go([&, function = std::move(function)](const Context& context) mutable -> Status {
      auto value = detail::Call(std::move(function), context);
      const std::lock_guard lock(mutex);
      if constexpr (std::is_same_v<decltype(value), T>) {
        if (!winner) winner.emplace(std::move(value));
      } else {
        if (!value.ok()) return detail::StatusOf(value.error());
        if (!winner) winner.emplace(std::move(value.value()));
      }
      return Status::Ok();
    });
  };
  go(std::move(first));
  (go(std::move(more)), ...);
  Status status = group.Wait();
  return Outcome<T>{std::move(status), std::move(winner)};
}

// Runs all until the first has ended, whether it succeeds or fails, and answers with how it did; the others are
// cancelled, and have stopped when this returns. For work beside its time limit, or beside what makes it needless.
template <TaskFunction... F>
Status Race(F... functions) {
  Group group({.policy = Policy::kAllSettled});
  std::mutex mutex;
  std::optional<Status> first;
  const auto go = [&](auto function) {
    group.Go([&, function = std::move(function)](const Context& context) mutable {
      Status status;
      if constexpr (std::is_void_v<decltype(detail::Call(std::move(function), context))>) {
        detail::Call(std::move(function), context);
      } else {
        status = detail::Call(std::move(function), context);
      }
      {
        const std::lock_guard lock(mutex);
        if (!first) first = status;
      }
      group.Cancel();
    });
  };
  (go(std::move(functions)), ...);
  Status outcome = group.Wait();
  return first ? *first : outcome;
}

}  // namespace covey
