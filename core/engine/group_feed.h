#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/engine/view.h"
#include "core/journal/journal.h"

namespace covey {

// What others wait for in one group: its newest events, kept as the batches that were appended, and whoever
// is to be called when something becomes durable, a task ends, or all is over.
//
// Not thread-safe: guarded by the lock of its group. What is to be called is put into `calls`, for a time
// without the lock.
class GroupFeed {
 public:
  using Call = std::function<void()>;
  using Calls = std::vector<Call>;

  static constexpr size_t kRecentEvents = 1024;
  static constexpr size_t kRecentBytes = size_t{1} << 20;

  void Add(std::shared_ptr<const Batch> batch);
  // What its events take in memory, about.
  size_t bytes() const { return recent_bytes_; }
  // Leaves all of them to the journal.
  void Forget();
  // Events after number `after`, a page of them; nullopt when they have left memory. `head`: the newest.
  std::optional<EventPage> After(uint64_t after, uint64_t head, PageLimit limit) const;

  // Ids are unique and never 0.
  uint64_t Watch(Call notify);
  void Unwatch(uint64_t id) { watchers_.erase(id); }
  uint64_t Wait(Call done);
  uint64_t WaitTask(uint32_t task, Call done);
  // False when it has been called, or will be.
  bool Unwait(uint64_t id);

  bool watched() const { return !watchers_.empty() || !waiters_.empty() || !task_waiters_.empty(); }

  // True when there are watchers, and they are to be told from now on until Notify.
  bool OweNotice() { return !watchers_.empty() && !std::exchange(owed_, true); }
  void Notify(Calls* calls);
  void TaskEnded(uint32_t task, Calls* calls);
  // Those that wait for one of the tasks that `ended` is true of.
  void TasksEnded(const std::function<bool(uint32_t task)>& ended, Calls* calls);
  void Over(Calls* calls);

 private:
  using TaskWaiters = std::multimap<uint32_t, std::pair<uint64_t, Call>>;

  void Release(TaskWaiters::iterator waiter, Calls* calls);

  void PopFront();

  std::deque<std::shared_ptr<const Batch>> recent_;
  size_t recent_events_ = 0;
  size_t recent_bytes_ = 0;
  bool owed_ = false;
  uint64_t next_id_ = 1;
  std::map<uint64_t, Call> watchers_;
  std::map<uint64_t, Call> waiters_;
  TaskWaiters task_waiters_;
  std::unordered_map<uint64_t, TaskWaiters::iterator> task_waiters_by_id_;
};

}  // namespace covey
