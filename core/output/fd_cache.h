#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <unordered_map>
#include <utility>

#include "core/base/mutex.h"
#include "core/base/unique_fd.h"

namespace covey {

// File descriptors that are worth keeping open, the least recently used go first. What is handed out stays
// open until its user lets go of it, also when it has left the cache. Thread-safe.
class FdCache {
 public:
  using Fd = std::shared_ptr<const UniqueFd>;

  explicit FdCache(size_t capacity) : capacity_(capacity) {}

  // Null: not there.
  Fd Get(uint64_t id) COVEY_EXCLUDES(mutex_);
  void Put(uint64_t id, Fd fd) COVEY_EXCLUDES(mutex_);
  void Drop(uint64_t id) COVEY_EXCLUDES(mutex_);
  // When the process has run out of descriptors.
  void Clear() COVEY_EXCLUDES(mutex_);
  size_t size() const COVEY_EXCLUDES(mutex_);

 private:
  using Entries = std::list<std::pair<uint64_t, Fd>>;

  const size_t capacity_;
  mutable Mutex mutex_;                       // a leaf; nothing is closed with it held
  Entries entries_ COVEY_GUARDED_BY(mutex_);  // most recently used first
  std::unordered_map<uint64_t, Entries::iterator> index_ COVEY_GUARDED_BY(mutex_);
};

}  // namespace covey
