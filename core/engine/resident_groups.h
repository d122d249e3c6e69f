#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <string>
#include <utility>
#include <vector>

namespace covey {

// The groups that are over and stay in memory, as long as there is room: the oldest leave first, but for those
// that somebody watches.
//
// Not thread-safe: guarded by the lock of its engine.
class ResidentGroups {
 public:
  // Bounds in groups, and in tasks of all of them.
  ResidentGroups(size_t max_groups, size_t max_tasks) : max_groups_(max_groups), max_tasks_(max_tasks) {}

  // Adds one; answers the ids of those that leave for it, perhaps its own.
  std::vector<std::string> Add(std::string id, size_t tasks,
                               const std::function<bool(const std::string& id)>& watched);
  void Remove(const std::string& id);
  size_t size() const { return groups_.size(); }

 private:
  const size_t max_groups_;
  const size_t max_tasks_;
  std::list<std::pair<std::string, size_t>> groups_;  // oldest first; tasks
  size_t tasks_ = 0;
};

}  // namespace covey
