#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "covey/context.h"

namespace covey {

// A queue between tasks, bounded, whose calls end with a context: what a task waits for, and the word to stop, in one
// call.
//
// Thread safety: all of it. Elements come out in the order in which they went in.
template <typename T>
class Queue {
 public:
  // `most`: elements that may wait; at least 1.
  explicit Queue(size_t most) : most_(most == 0 ? 1 : most) {}
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  // Blocks while the queue is full. False when it is closed, or the context has ended: then `element` was not taken.
  bool Push(const Context& context, T element) {
    std::unique_lock lock(mutex_);
    if (!context.WaitOn(changed_, lock, [&] { return closed_ || elements_.size() < most_; }) || closed_)
      return false;
    elements_.push_back(std::move(element));
    changed_.notify_all();
    return true;
  }
  // Blocks while the queue is empty. Nothing when it is closed and empty, or the context has ended.
  std::optional<T> Pop(const Context& context) {
    std::unique_lock lock(mutex_);
    if (!context.WaitOn(changed_, lock, [&] { return closed_ || !elements_.empty(); }) || elements_.empty()) {
      return std::nullopt;
    }
    std::optional<T> element(std::move(elements_.front()));
    elements_.pop_front();
    changed_.notify_all();
    return element;
  }
  // No element comes any more; those that are there can be taken.
  void Close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  size_t size() const {
    const std::lock_guard lock(mutex_);
    return elements_.size();
  }

 private:
  const size_t most_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<T> elements_;
  bool closed_ = false;
};

}  // namespace covey
