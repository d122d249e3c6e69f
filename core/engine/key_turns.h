#pragma once

#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace covey {

// Lets work that must not be under way twice wait for its turn, by keys: of two that share one, the second is
// parked until the first has given it back, and is then to be tried again.
//
// Not thread-safe: guarded by the lock of its owner.
class KeyTurns {
 public:
  using Work = std::function<void()>;

  // The first of these that is taken; null: none is.
  const std::string* Taken(const std::vector<std::string>& keys) const {
    for (const std::string& key : keys) {
      if (parked_.contains(key)) return &key;
    }
    return nullptr;
  }
  // Requires that none is taken.
  void Take(const std::vector<std::string>& keys) {
    for (const std::string& key : keys) parked_[key];
  }
  // Requires that the key is taken.
  void Park(const std::string& key, Work work) { parked_.at(key).push_back(std::move(work)); }
  // Answers what waited for them, in order: to be called without the lock.
  std::vector<Work> Give(const std::vector<std::string>& keys) {
    std::vector<Work> again;
    for (const std::string& key : keys) {
      auto parked = parked_.extract(key);
      std::move(parked.mapped().begin(), parked.mapped().end(), std::back_inserter(again));
    }
    return again;
  }

 private:
  std::map<std::string, std::vector<Work>> parked_;  // by keys that are taken
};

}  // namespace covey
