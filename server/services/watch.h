#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "covey/timer_queue.h"
#include "server/services/service_context.h"

namespace covey {

// Calls `notify` after each commit of a group, or of any group, until it is destroyed; perhaps once more
// while that happens. From any thread.
class [[nodiscard]] Watch {
 public:
  Watch(GroupPtr group, std::function<void()> notify)
      : group_(std::move(group)), id_(group_->Watch(std::move(notify))) {}
  Watch(Engine& engine, std::function<void()> notify)
      : engine_(&engine), id_(engine.WatchAll(std::move(notify))) {}
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() {
    if (group_ != nullptr) {
      group_->Unwatch(id_);
    } else {
      engine_->UnwatchAll(id_);
    }
  }

 private:
  const GroupPtr group_;
  Engine* const engine_ = nullptr;
  const uint64_t id_;
};

// Calls `done` once when the group, or one task of it, is over; never after it was destroyed. From any
// thread.
class [[nodiscard]] EndWatch {
 public:
  EndWatch(GroupPtr group, std::function<void()> done)
      : group_(std::move(group)), id_(group_->Wait(std::move(done))) {}
  EndWatch(GroupPtr group, uint32_t task, std::function<void()> done)
      : group_(std::move(group)), id_(group_->WaitTask(task, std::move(done))) {}
  EndWatch(const EndWatch&) = delete;
  EndWatch& operator=(const EndWatch&) = delete;
  ~EndWatch() { group_->Unwait(id_); }

 private:
  const GroupPtr group_;
  const uint64_t id_;
};

// Calls `done` once when a time has passed, unless it was destroyed before; without a time never. From any
// thread.
class [[nodiscard]] WaitLimit {
 public:
  WaitLimit(std::optional<std::chrono::nanoseconds> time, std::function<void()> done)
      : id_(time ? TimerQueue::Default()->ScheduleAfter(*time, std::move(done)) : TimerQueue::TimerId{}) {}
  WaitLimit(const WaitLimit&) = delete;
  WaitLimit& operator=(const WaitLimit&) = delete;
  ~WaitLimit() {
    if (id_ != TimerQueue::TimerId{}) TimerQueue::Default()->Cancel(id_);
  }

 private:
  const TimerQueue::TimerId id_;
};

// Closes a pool: calls `done` when its groups are gone, unless it was destroyed before. From any thread.
class [[nodiscard]] PoolClosing {
 public:
  PoolClosing(PoolTable& pools, const std::string& name, std::function<void(Result<Void>)> done)
      : pools_(pools), id_(pools.Close(name, std::move(done))) {}
  PoolClosing(const PoolClosing&) = delete;
  PoolClosing& operator=(const PoolClosing&) = delete;
  ~PoolClosing() { pools_.Unwait(id_); }

 private:
  PoolTable& pools_;
  const uint64_t id_;
};

}  // namespace covey
