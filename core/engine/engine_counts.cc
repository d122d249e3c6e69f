#include "core/engine/engine_counts.h"

namespace covey {

PoolCounts& EngineCounts::OfPool(std::string_view pool) {
  MutexLock lock(mutex_);
  const auto found = pools_.find(pool);
  if (found != pools_.end()) return found->second;
  const std::string_view name = pools_.size() < kMostPools ? pool : kOtherPools;
  return pools_.try_emplace(std::string(name)).first->second;
}

std::vector<std::pair<std::string, const PoolCounts*>> EngineCounts::pools() const {
  MutexLock lock(mutex_);
  std::vector<std::pair<std::string, const PoolCounts*>> all;
  all.reserve(pools_.size());
  for (const auto& [name, counts] : pools_) all.emplace_back(name, &counts);
  return all;
}

}  // namespace covey
