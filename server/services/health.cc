#include "server/services/health.h"

#include <utility>

namespace covey {

void Health::OnChange(std::function<void(bool well)> changed) {
  MutexLock telling(telling_mutex_);
  changed_ = std::move(changed);
}

bool Health::Set(Reason reason, std::string why) {
  MutexLock telling(telling_mutex_);
  {
    MutexLock lock(mutex_);
    std::string& current = whys_[static_cast<size_t>(reason)];
    if (current == why) return false;
    current = std::move(why);
  }
  const bool is_well = well();
  if (is_well != told_ && changed_) changed_(is_well);
  told_ = is_well;
  return true;
}

std::vector<std::string> Health::whys() const {
  std::vector<std::string> whys;
  MutexLock lock(mutex_);
  for (const std::string& why : whys_) {
    if (!why.empty()) whys.push_back(why);
  }
  return whys;
}

}  // namespace covey
