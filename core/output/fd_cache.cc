#include "core/output/fd_cache.h"

namespace covey {

FdCache::Fd FdCache::Get(uint64_t id) {
  MutexLock lock(mutex_);
  const auto found = index_.find(id);
  if (found == index_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->second;
}

void FdCache::Put(uint64_t id, Fd fd) {
  Entries gone;
  MutexLock lock(mutex_);
  if (const auto old = index_.find(id); old != index_.end()) {
    gone.splice(gone.begin(), entries_, old->second);
    index_.erase(old);
  }
  entries_.emplace_front(id, std::move(fd));
  index_[id] = entries_.begin();
  while (entries_.size() > capacity_) {
    index_.erase(entries_.back().first);
    gone.splice(gone.begin(), entries_, std::prev(entries_.end()));
  }
  lock.Unlock();
}

void FdCache::Drop(uint64_t id) {
  Entries gone;
  MutexLock lock(mutex_);
  if (const auto found = index_.find(id); found != index_.end()) {
    gone.splice(gone.begin(), entries_, found->second);
    index_.erase(found);
  }
  lock.Unlock();
}

void FdCache::Clear() {
  Entries gone;
  MutexLock lock(mutex_);
  gone.swap(entries_);
  index_.clear();
  lock.Unlock();
}

size_t FdCache::size() const {
  MutexLock lock(mutex_);
  return entries_.size();
}

}  // namespace covey
