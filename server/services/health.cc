#include "server/services/health.h"

#include <algorithm>
#include <utility>

namespace covey {

bool Health::Set(Reason reason, std::string why) {
  bool was_well = false;
  bool is_well = false;
  {
    MutexLock lock(mutex_);
    const auto well = [this]() COVEY_NO_TSA {
      return std::all_of(whys_.begin(), whys_.end(), [](const std::string& each) { return each.empty(); });
    };
    was_well = well();
    std::string& current = whys_[static_cast<size_t>(reason)];
    if (current == why) return false;
    current = std::move(why);
    is_well = well();
  }
  if (was_well != is_well && changed_) changed_(is_well);
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
