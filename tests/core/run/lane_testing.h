#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <numeric>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/run/lane.h"

namespace covey {

// Records what it is granted.
class Recorder final : public LaneOwner {
 public:
  explicit Recorder(std::function<void(uint64_t)> on_granted = nullptr)
      : on_granted_(std::move(on_granted)) {}
  void OnGranted(uint64_t ticket) override {
    if (on_granted_) on_granted_(ticket);
    MutexLock lock(mutex_);
    granted_.push_back(ticket);
  }
  void OnRefused(uint64_t) override { ++refused; }
  std::vector<uint64_t> granted() {
    MutexLock lock(mutex_);
    return granted_;
  }
  // Forgets what was granted so far.
  std::vector<uint64_t> TakeGranted() {
    MutexLock lock(mutex_);
    return std::exchange(granted_, {});
  }
  std::atomic<int> refused = 0;

 private:
  const std::function<void(uint64_t)> on_granted_;
  Mutex mutex_;
  std::vector<uint64_t> granted_ COVEY_GUARDED_BY(mutex_);
};

inline std::vector<uint64_t> Tickets(size_t count, uint64_t first = 0) {
  std::vector<uint64_t> tickets(count);
  std::iota(tickets.begin(), tickets.end(), first);
  return tickets;
}

}  // namespace covey
