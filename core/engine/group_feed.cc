#include "core/engine/group_feed.h"

#include <algorithm>
#include <utility>

namespace covey {

namespace {

// With the form for readers, which is made of it when somebody reads.
size_t BytesInMemory(const Batch& batch) {
  size_t bytes = 0;
  for (const Record& record : batch.records()) bytes += sizeof(Record) + 2 * BytesOf(record);
  return bytes;
}

}  // namespace

void GroupFeed::Add(std::shared_ptr<const Batch> batch) {
  recent_events_ += batch->records().size();
  recent_bytes_ += BytesInMemory(*batch);
  recent_.push_back(std::move(batch));
  // A batch that is too large by itself goes as well: readers then find it in the journal.
  while (recent_events_ > kRecentEvents && recent_.size() > 1) PopFront();
  while (recent_bytes_ > kRecentBytes) PopFront();
}

void GroupFeed::PopFront() {
  recent_events_ -= recent_.front()->records().size();
  recent_bytes_ -= BytesInMemory(*recent_.front());
  recent_.pop_front();
}

void GroupFeed::Forget() {
  while (!recent_.empty()) PopFront();
}

std::optional<EventPage> GroupFeed::After(uint64_t after, uint64_t head, PageLimit limit) const {
  EventPage page{.through = after};
  if (after >= head) return page;
  if (recent_.empty() || recent_.front()->first() > after + 1) return std::nullopt;
  auto batch = std::upper_bound(recent_.begin(), recent_.end(), after,
                                [](uint64_t number, const auto& each) { return number < each->last(); });
  PageFill fill(limit);
  for (; batch != recent_.end(); ++batch) {
    const std::span<const Record> records = (*batch)->records();
    const size_t first = page.through + 1 - (*batch)->first();
    size_t end = first;
    while (end < records.size() && fill.Take(BytesOf(records[end]))) ++end;
    if (end > first) page.slices.push_back({.batch = *batch, .first = first, .count = end - first});
    page.through += end - first;
    if (end < records.size()) break;
  }
  return page;
}

uint64_t GroupFeed::Watch(Call notify) {
  const uint64_t id = next_id_++;
  watchers_.emplace(id, std::move(notify));
  return id;
}

uint64_t GroupFeed::Wait(Call done) {
  const uint64_t id = next_id_++;
  waiters_.emplace(id, std::move(done));
  return id;
}

uint64_t GroupFeed::WaitTask(uint32_t task, Call done) {
  const uint64_t id = next_id_++;
  task_waiters_by_id_.emplace(id, task_waiters_.emplace(task, std::make_pair(id, std::move(done))));
  return id;
}

bool GroupFeed::Unwait(uint64_t id) {
  if (waiters_.erase(id) > 0) return true;
  const auto found = task_waiters_by_id_.find(id);
  if (found == task_waiters_by_id_.end()) return false;
  task_waiters_.erase(found->second);
  task_waiters_by_id_.erase(found);
  return true;
}

void GroupFeed::Notify(Calls* calls) {
  owed_ = false;
  for (const auto& [id, notify] : watchers_) calls->push_back(notify);
}

void GroupFeed::Release(TaskWaiters::iterator waiter, Calls* calls) {
  calls->push_back(std::move(waiter->second.second));
  task_waiters_by_id_.erase(waiter->second.first);
  task_waiters_.erase(waiter);
}

void GroupFeed::TaskEnded(uint32_t task, Calls* calls) {
  for (auto it = task_waiters_.find(task); it != task_waiters_.end(); it = task_waiters_.find(task)) {
    Release(it, calls);
  }
}

void GroupFeed::TasksEnded(const std::function<bool(uint32_t task)>& ended, Calls* calls) {
  for (auto it = task_waiters_.begin(); it != task_waiters_.end();) {
    const auto waiter = it++;
    if (ended(waiter->first)) Release(waiter, calls);
  }
}

void GroupFeed::Over(Calls* calls) {
  for (auto& [id, done] : waiters_) calls->push_back(std::move(done));
  waiters_.clear();
  while (!task_waiters_.empty()) Release(task_waiters_.begin(), calls);
}

}  // namespace covey
