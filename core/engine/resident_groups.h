#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/engine/durable_group.h"

namespace covey {

// The groups that are in memory: all that are not over, and those that are over as long as there is room.
// Others are read again when somebody asks, once for all who ask meanwhile.
//
// Thread safety: all of it. Callbacks are called without a lock. The mutex is taken under no group's; under it
// groups are read.
class ResidentGroups {
 public:
  using GroupPtr = std::shared_ptr<DurableGroup>;
  using Answer = std::function<void(Result<GroupPtr>)>;
  // Reads a group that is over; answers kNotFound when there is none.
  using Read = std::function<void(const std::string& id, Answer)>;

  // At most so many groups that are over stay, with so many bytes in all.
  ResidentGroups(size_t max_groups, size_t max_bytes) : max_groups_(max_groups), max_bytes_(max_bytes) {}

  // One that is not over.
  void Add(const GroupPtr& group) COVEY_EXCLUDES(mutex_);
  // One that was not made after all.
  void Remove(const GroupPtr& group) COVEY_EXCLUDES(mutex_);
  // Null when it is not in memory.
  GroupPtr Get(const std::string& id) const COVEY_EXCLUDES(mutex_);
  // The group, read when it is not in memory. kNotFound.
  void Find(const std::string& id, const Read& read, Answer answer) COVEY_EXCLUDES(mutex_);
  // A group is over, or fenced: that one goes at once, since nothing that is known here of it is true any
  // more. Returns it; null when it is not in memory.
  GroupPtr Completed(const std::string& id) COVEY_EXCLUDES(mutex_);
  // A group that is over was deleted: forgets it, also one that is being read.
  void Purged(const std::string& id) COVEY_EXCLUDES(mutex_);
  // Forgets all.
  void Clear() COVEY_EXCLUDES(mutex_);

  std::vector<GroupPtr> All() const COVEY_EXCLUDES(mutex_);
  // Those that are not over.
  size_t running() const COVEY_EXCLUDES(mutex_);

  static Error NotFound(const std::string& id);

 private:
  struct Reading {
    std::vector<Answer> waiting;
    bool purged = false;  // what is being read is gone
  };

  void OnRead(const std::string& id, Result<GroupPtr> result) COVEY_EXCLUDES(mutex_);
  // Counts the group among those that are over. The caller drops what it returns without the lock.
  std::vector<GroupPtr> KeepLocked(const GroupPtr& group) COVEY_REQUIRES(mutex_);

  const size_t max_groups_;
  const size_t max_bytes_;

  mutable Mutex mutex_;
  std::unordered_map<std::string, GroupPtr> groups_ COVEY_GUARDED_BY(mutex_);
  // Of those that are over the id and what they take, oldest first.
  std::list<std::pair<std::string, size_t>> over_ COVEY_GUARDED_BY(mutex_);
  size_t over_bytes_ COVEY_GUARDED_BY(mutex_) = 0;
  std::map<std::string, Reading> reading_ COVEY_GUARDED_BY(mutex_);
};

}  // namespace covey
