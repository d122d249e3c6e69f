#include "core/engine/resident_groups.h"

#include <algorithm>

namespace covey {

Error ResidentGroups::NotFound(const std::string& id) {
  return {.code = ErrorCode::kNotFound, .reason = "GROUP_NOT_FOUND", .message = "no group " + id};
}

void ResidentGroups::Add(const GroupPtr& group) {
  MutexLock lock(mutex_);
  groups_[group->id()] = group;
}

void ResidentGroups::Remove(const GroupPtr& group) {
  MutexLock lock(mutex_);
  const auto found = groups_.find(group->id());
  if (found != groups_.end() && found->second == group) groups_.erase(found);
}

ResidentGroups::GroupPtr ResidentGroups::Get(const std::string& id) const {
  MutexLock lock(mutex_);
  const auto found = groups_.find(id);
  return found == groups_.end() ? nullptr : found->second;
}

void ResidentGroups::Find(const std::string& id, const Read& read, Answer answer) {
  {
    MutexLock lock(mutex_);
    if (const auto found = groups_.find(id); found != groups_.end()) {
      GroupPtr resident = found->second;
      lock.Unlock();
      // One whose creation is not durable yet does not exist for others.
      if (resident->View().last_number == 0) {
        answer(NotFound(id));
      } else {
        answer(std::move(resident));
      }
      return;
    }
    auto& waiting = reading_[id].waiting;
    waiting.push_back(std::move(answer));
    if (waiting.size() > 1) return;  // somebody reads it already
  }
  read(id, [this, id](Result<GroupPtr> result) { OnRead(id, std::move(result)); });
}

void ResidentGroups::OnRead(const std::string& id, Result<GroupPtr> result) {
  std::vector<Answer> waiting;
  std::vector<GroupPtr> evicted;
  {
    MutexLock lock(mutex_);
    const auto reading = reading_.extract(id);
    waiting = std::move(reading.mapped().waiting);
    // One whose records are damaged ends early, and does not stay. Half a group else is one that was deleted
    // meanwhile.
    const bool damaged = result.ok() && result.value()->damage().has_value();
    if (result.ok() && (reading.mapped().purged || (!damaged && !result.value()->completed())))
      result = NotFound(id);
    if (result.ok() && !damaged && groups_.emplace(id, result.value()).second)
      evicted = KeepLocked(result.value());
  }
  for (const Answer& answer : waiting) answer(result);
}

ResidentGroups::GroupPtr ResidentGroups::Completed(const std::string& id) {
  std::vector<GroupPtr> evicted;  // end without the lock
  MutexLock lock(mutex_);
  const auto found = groups_.find(id);
  if (found == groups_.end()) return nullptr;
  GroupPtr group = found->second;
  if (group->fenced()) {
    groups_.erase(found);
  } else {
    evicted = KeepLocked(group);
  }
  lock.Unlock();
  return group;
}

void ResidentGroups::Purged(const std::string& id) {
  GroupPtr forgotten;  // ends without the lock
  MutexLock lock(mutex_);
  if (const auto found = groups_.find(id); found != groups_.end() && found->second->completed()) {
    forgotten = std::move(found->second);
    groups_.erase(found);
  }
  if (const auto reading = reading_.find(id); reading != reading_.end()) reading->second.purged = true;
  const auto over =
      std::find_if(over_.begin(), over_.end(), [&id](const auto& entry) { return entry.first == id; });
  if (over != over_.end()) {
    over_bytes_ -= over->second;
    over_.erase(over);
  }
  lock.Unlock();
}

void ResidentGroups::Clear() {
  std::unordered_map<std::string, GroupPtr> groups;  // end without the lock
  MutexLock lock(mutex_);
  groups.swap(groups_);
  lock.Unlock();
}

std::vector<ResidentGroups::GroupPtr> ResidentGroups::All() const {
  std::vector<GroupPtr> groups;
  MutexLock lock(mutex_);
  groups.reserve(groups_.size());
  for (const auto& [id, group] : groups_) groups.push_back(group);
  return groups;
}

size_t ResidentGroups::running() const {
  MutexLock lock(mutex_);
  return groups_.size() - over_.size();
}

std::vector<ResidentGroups::GroupPtr> ResidentGroups::KeepLocked(const GroupPtr& group) {
  over_.emplace_back(group->id(), group->bytes());
  over_bytes_ += over_.back().second;
  std::vector<GroupPtr> evicted;
  size_t kept = 0;
  while (over_.size() > kept && (over_.size() > max_groups_ || over_bytes_ > max_bytes_)) {
    auto [id, bytes] = over_.front();
    over_.pop_front();
    const auto found = groups_.find(id);
    if (found != groups_.end() && found->second->watched()) {
      over_.emplace_back(id, bytes);
      ++kept;
      continue;
    }
    over_bytes_ -= bytes;
    if (found == groups_.end()) continue;
    evicted.push_back(std::move(found->second));
    groups_.erase(found);
  }
  return evicted;
}

}  // namespace covey
