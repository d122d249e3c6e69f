#pragma once

#include <atomic>
#include <cstdint>

namespace covey {

// How many groups are over, and about how many bytes they take: as of the last commit, for everybody; and what the
// transaction under way adds, for the thread that writes.
class EndedTotals {
 public:
  uint64_t groups() const { return static_cast<uint64_t>(groups_.load()); }
  uint64_t bytes() const { return static_cast<uint64_t>(bytes_.load()); }

  void Set(int64_t groups, int64_t bytes) {
    groups_ = groups;
    bytes_ = bytes;
  }
  void Begin() { more_groups_ = more_bytes_ = 0; }
  void Add(int64_t bytes) {
    ++more_groups_;
    more_bytes_ += bytes;
  }
  void Subtract(int64_t bytes) {
    --more_groups_;
    more_bytes_ -= bytes;
  }
  void Commit() {
    groups_ += more_groups_;
    bytes_ += more_bytes_;
    Begin();
  }

 private:
  std::atomic<int64_t> groups_ = 0;
  std::atomic<int64_t> bytes_ = 0;
  int64_t more_groups_ = 0;
  int64_t more_bytes_ = 0;
};

}  // namespace covey
