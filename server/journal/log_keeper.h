#pragma once

#include <chrono>
#include <optional>

namespace covey {

// When the write-ahead log is moved into the database, and when it begins anew. SQLite does the latter by itself when a
// write finds it moved and nobody reading; where reads overlap for ever that never happens.
//
// Not thread-safe.
class LogKeeper {
 public:
  using Clock = std::chrono::steady_clock;

  // `step`: pages that are moved at once. `scrub_every`: how often it begins anew only because of what was purged.
  LogKeeper(int step, std::chrono::milliseconds scrub_every);

  // Whether a log of so many pages is to be moved now.
  bool Moves(int pages);
  // When it is to begin anew: it is far too long, or holds what was purged. nullopt: it need not. While the files are
  // `held` it cannot, and is looked at again.
  std::optional<Clock::time_point> RestartsAt(int pages, bool held) const;
  // It was tried: the log is empty, or somebody else reads.
  void Restarted(bool empty, int pages);

  // Something was purged; and now it is deleted, but in the log.
  void Purged() { purged_ = true; }
  void Deleted();

 private:
  const int step_;
  const std::chrono::milliseconds scrub_every_;
  int moved_ = 0;  // pages of the log when it was moved last
  int too_long_;   // pages with which it begins anew
  bool purged_ = false;
  std::optional<Clock::time_point> scrub_at_;
  Clock::time_point scrubbed_ = Clock::now();
};

}  // namespace covey
