#include "core/engine/resident_groups.h"

#include <algorithm>

namespace covey {

std::vector<std::string> ResidentGroups::Add(std::string id, size_t tasks,
                                             const std::function<bool(const std::string& id)>& watched) {
  groups_.emplace_back(std::move(id), tasks);
  tasks_ += tasks;
  std::vector<std::string> leave;
  for (auto it = groups_.begin();
       it != groups_.end() && (groups_.size() > max_groups_ || tasks_ > max_tasks_);) {
    if (watched(it->first)) {
      ++it;
      continue;
    }
    tasks_ -= it->second;
    leave.push_back(std::move(it->first));
    it = groups_.erase(it);
  }
  return leave;
}

void ResidentGroups::Remove(const std::string& id) {
  const auto found =
      std::find_if(groups_.begin(), groups_.end(), [&id](const auto& entry) { return entry.first == id; });
  if (found == groups_.end()) return;
  tasks_ -= found->second;
  groups_.erase(found);
}

}  // namespace covey
