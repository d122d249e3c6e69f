#include "server/journal/log_keeper.h"

#include <algorithm>

namespace covey {
namespace {

// A log of so many steps begins anew.
constexpr int kLongLog = 16;
constexpr std::chrono::milliseconds kLookAgain{100};

}  // namespace

LogKeeper::LogKeeper(int step, std::chrono::milliseconds scrub_every)
    : step_(step), scrub_every_(scrub_every), too_long_(kLongLog * step) {}

bool LogKeeper::Moves(int pages) {
  if (pages < moved_) moved_ = 0;  // it has begun anew
  if (pages - moved_ < step_) return false;
  moved_ = pages;
  return true;
}

std::optional<LogKeeper::Clock::time_point> LogKeeper::RestartsAt(int pages, bool held) const {
  if (pages >= too_long_ && !held) return Clock::time_point::min();
  if (scrub_at_ && held) return std::max(*scrub_at_, Clock::now() + kLookAgain);
  return scrub_at_;
}

void LogKeeper::Restarted(bool empty, int pages) {
  scrubbed_ = Clock::now();
  too_long_ = kLongLog * step_;
  if (empty) {
    moved_ = 0;
    scrub_at_.reset();
  } else {
    too_long_ += pages;
    if (scrub_at_) scrub_at_ = scrubbed_ + std::max(scrub_every_, kLookAgain);
  }
}

void LogKeeper::Deleted() {
  if (purged_) scrub_at_ = std::max(scrubbed_ + scrub_every_, Clock::now());
  purged_ = false;
}

}  // namespace covey
