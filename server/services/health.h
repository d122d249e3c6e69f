#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/base/mutex.h"

namespace covey {

// Why a daemon takes no work at the moment, by kind of reason; with none it is well.
//
// Thread safety: all of it. `changed` is called with no lock held, from whatever thread has made the change.
class Health {
 public:
  enum class Reason : uint8_t {
    kCopied,     // its data directory is a copy
    kDirectory,  // its data directory was removed or replaced
    kJournal,    // its journal cannot be written
  };
  static constexpr size_t kReasons = 3;

  // `changed` is told when the first reason comes, and when the last one goes. Before the first Set.
  void OnChange(std::function<void(bool well)> changed) { changed_ = std::move(changed); }
  // `why`, a sentence for people; empty: it is over. False: nothing is new.
  bool Set(Reason reason, std::string why) COVEY_EXCLUDES(mutex_);
  bool well() const { return whys().empty(); }
  std::vector<std::string> whys() const COVEY_EXCLUDES(mutex_);

 private:
  std::function<void(bool well)> changed_;

  mutable Mutex mutex_;  // a leaf
  std::array<std::string, kReasons> whys_ COVEY_GUARDED_BY(mutex_);
};

}  // namespace covey
