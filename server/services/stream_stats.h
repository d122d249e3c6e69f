#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <set>
#include <string_view>

#include "core/base/mutex.h"

namespace covey {

// The streams that are open, and how far behind their readers are: since when there is something to send that has not
// been sent.
//
// Thread safety: all of it. A stream touches nothing that others do but at its beginning and its end.
class StreamStats {
 public:
  using Clock = std::chrono::steady_clock;

  enum class Kind : uint8_t {
    kGroupEvents,
    kAllEvents,
    kOutput,
    kAttached,  // RunGroup: events and output
  };
  static constexpr std::array<std::string_view, 4> kKinds{"group_events", "all_events", "output", "attached"};

  // One stream, as long as this lives; behind from its beginning on. Of one thread.
  class [[nodiscard]] Reader {
   public:
    // `stats` null: nobody counts.
    Reader(StreamStats* stats, Kind kind);
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    // All there was is sent.
    void CaughtUp() { behind_since_.store(0, std::memory_order_relaxed); }
    // There is something to send.
    void Behind() { behind_since_.store(Clock::now().time_since_epoch().count(), std::memory_order_relaxed); }

   private:
    friend class StreamStats;

    StreamStats* const stats_;
    const Kind kind_;
    std::atomic<Clock::rep> behind_since_;  // 0: it is not
  };

  struct OfKind {
    uint64_t open = 0;
    uint64_t behind = 0;
    std::chrono::nanoseconds longest{0};  // that one of them is behind
  };
  std::array<OfKind, kKinds.size()> view(Clock::time_point now = Clock::now()) const COVEY_EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  std::set<const Reader*> readers_ COVEY_GUARDED_BY(mutex_);
};

}  // namespace covey
