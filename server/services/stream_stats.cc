#include "server/services/stream_stats.h"

#include <algorithm>

namespace covey {

StreamStats::Reader::Reader(StreamStats* stats, Kind kind)
    : stats_(stats), kind_(kind), behind_since_(Clock::now().time_since_epoch().count()) {
  if (stats_ == nullptr) return;
  MutexLock lock(stats_->mutex_);
  stats_->readers_.insert(this);
}

StreamStats::Reader::~Reader() {
  if (stats_ == nullptr) return;
  MutexLock lock(stats_->mutex_);
  stats_->readers_.erase(this);
}

std::array<StreamStats::OfKind, StreamStats::kKinds.size()> StreamStats::view(Clock::time_point now) const {
  std::array<OfKind, kKinds.size()> all{};
  MutexLock lock(mutex_);
  for (const Reader* reader : readers_) {
    OfKind& of = all[static_cast<size_t>(reader->kind_)];
    ++of.open;
    const Clock::rep since = reader->behind_since_.load(std::memory_order_relaxed);
    if (since == 0) continue;
    ++of.behind;
    of.longest =
        std::max<std::chrono::nanoseconds>(of.longest, now.time_since_epoch() - Clock::duration(since));
  }
  return all;
}

}  // namespace covey
