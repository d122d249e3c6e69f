#include "core/run/ticket_levels.h"

#include <algorithm>

#include "core/base/check.h"

namespace covey {

size_t TicketLevels::Push(std::span<const uint64_t> tickets, int priority, bool front, uint64_t now) {
  if (tickets.empty()) return 0;
  const size_t at = LevelOf(priority, now);
  Level& level = levels_[at];
  // Runs of consecutive numbers; at the front the last run goes first, so that the order stays.
  const auto end_of_run = [&](size_t begin) {
    size_t end = begin + 1;
    while (end < tickets.size() && end - begin < UINT32_MAX && tickets[end - 1] != UINT64_MAX &&
           tickets[end] == tickets[end - 1] + 1) {
      ++end;
    }
    return end;
  };
  const auto begin_of_run = [&](size_t end) {
    size_t begin = end - 1;
    while (begin > 0 && end - begin < UINT32_MAX && tickets[begin] != 0 &&
           tickets[begin - 1] == tickets[begin] - 1) {
      --begin;
    }
    return begin;
  };
  size_t added = 0;
  if (front) {
    for (size_t end = tickets.size(); end > 0;) {
      const size_t begin = begin_of_run(end);
      added += PushRun(level, tickets[begin], static_cast<uint32_t>(end - begin), true);
      end = begin;
    }
  } else {
    for (size_t begin = 0; begin < tickets.size();) {
      const size_t end = end_of_run(begin);
      added += PushRun(level, tickets[begin], static_cast<uint32_t>(end - begin), false);
      begin = end;
    }
  }
  size_ += added;
  EraseIfEmpty(at);
  return added;
}

uint64_t TicketLevels::Pop(uint64_t now) {
  COVEY_CHECK(!empty());
  auto level = levels_.begin();
  if (turns_.Oldest()) {
    for (auto other = levels_.begin(); other != levels_.end(); ++other) {
      if (other->since <= level->since) level = other;
    }
  }
  const uint64_t ticket = level->queue.Pop();
  level->since = now;
  --size_;
  EraseIfEmpty(static_cast<size_t>(level - levels_.begin()));
  return ticket;
}

bool TicketLevels::Withdraw(uint64_t ticket) {
  for (size_t at = 0; at < levels_.size(); ++at) {
    if (!levels_[at].queue.Erase(ticket)) continue;
    --size_;
    EraseIfEmpty(at);
    return true;
  }
  return false;
}

std::optional<size_t> TicketLevels::Ahead(uint64_t ticket) const {
  size_t above = 0;
  for (const Level& level : levels_) {
    if (const auto ahead = level.queue.Ahead(ticket)) return above + *ahead;
    above += level.queue.size();
  }
  return std::nullopt;
}

size_t TicketLevels::Clear() {
  const size_t dropped = size_;
  levels_.clear();
  size_ = 0;
  return dropped;
}

void TicketLevels::EraseIfEmpty(size_t level) {
  if (levels_.size() > 1 && levels_[level].queue.empty()) {
    levels_.erase(levels_.begin() + static_cast<ptrdiff_t>(level));
  }
}

size_t TicketLevels::LevelOf(int priority, uint64_t now) {
  // Most lanes use one priority: its level is kept while nothing waits.
  if (empty() && !levels_.empty()) {
    levels_.front().priority = priority;
    levels_.front().since = now;
    return 0;
  }
  const auto place = std::find_if(levels_.begin(), levels_.end(),
                                  [&](const Level& level) { return level.priority <= priority; });
  const auto at = static_cast<size_t>(place - levels_.begin());
  if (place == levels_.end() || place->priority != priority) {
    levels_.insert(place, {.priority = priority, .since = now, .queue = {}});
  }
  return at;
}

size_t TicketLevels::PushRun(Level& level, uint64_t first, uint32_t count, bool front) {
  if (Waits(first, count)) {
    // Rare: ticket by ticket, without those that wait.
    if (count == 1) return 0;
    size_t added = 0;
    for (uint32_t i = 0; i < count; ++i) {
      added += PushRun(level, first + (front ? count - 1 - i : i), 1, front);
    }
    return added;
  }
  front ? level.queue.PushFront(first, count) : level.queue.PushBack(first, count);
  return count;
}

bool TicketLevels::Waits(uint64_t first, uint32_t count) const {
  return std::any_of(levels_.begin(), levels_.end(),
                     [&](const Level& level) { return level.queue.ContainsAny(first, count); });
}

}  // namespace covey
