#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/run/ticket_queue.h"

namespace covey {

// Counts the grants of one node, and says which of them go by age instead of by priority.
class Turns {
 public:
  static constexpr uint32_t kAging = 16;

  // Counts one grant. True for every kAging-th: it goes to whoever has waited longest.
  bool Oldest() { return ++grants_ % kAging == 0; }

 private:
  uint32_t grants_ = 0;
};

// The tickets of one group: a FIFO for each priority. The highest priority is served first, but every
// sixteenth ticket is of the level that has waited longest: since it was last served, or since it had no
// ticket. So each level is served in the end, whatever is pushed above it.
//
// `now` is a clock that never stands still: each call gets a larger number than the one before.
//
// Thread safety: none.
//
// Invariants:
// 1. levels_ is sorted by falling priority, and no level is empty, unless it is the only one.
// 2. A ticket is in one level at most.
class TicketLevels {
 public:
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Queues the tickets at this priority in the order given: at the end, or before all others. A ticket that
  // waits already keeps its place. Returns how many were added.
  size_t Push(std::span<const uint64_t> tickets, int priority, bool front, uint64_t now);
  // Takes the next ticket. Requires !empty().
  uint64_t Pop(uint64_t now);
  // Drops one ticket; false when it does not wait.
  bool Withdraw(uint64_t ticket);
  // Tickets of a higher priority, and those before it at its own; nullopt when it does not wait.
  std::optional<size_t> Ahead(uint64_t ticket) const;
  // Drops all; how many there were.
  size_t Clear();

 private:
  struct Level {
    int priority = 0;
    uint64_t since = 0;  // waits since then
    TicketQueue queue;
  };

  size_t LevelOf(int priority, uint64_t now);
  size_t PushRun(Level& level, uint64_t first, uint32_t count, bool front);
  bool Waits(uint64_t first, uint32_t count) const;
  void EraseIfEmpty(size_t level);

  std::vector<Level> levels_;
  size_t size_ = 0;
  Turns turns_;
};

}  // namespace covey
