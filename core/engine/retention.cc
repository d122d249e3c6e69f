#include "core/engine/retention.h"

#include <time.h>

#include <algorithm>
#include <utility>

namespace covey {
namespace {

std::string DayText(WallTime time) {
  const time_t seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

// When the group that ended first of those that are left is too old; with an age of 0 never.
WallTime DueAt(std::optional<WallTime> oldest, std::chrono::microseconds age, WallTime now) {
  return age.count() == 0 ? WallTime::max() : oldest.value_or(now) + age;
}

}  // namespace

Retention::Retention(Engine& engine, Options options) : engine_(engine), options_(std::move(options)) {
  MutexLock lock(mutex_);
  view_.bounds = options_.bounds;
}

void Retention::Start() {
  MutexLock stop(stop_mutex_);
  thread_ = std::thread([this] { Run(); });
}

void Retention::BeginStop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
}

void Retention::Stop() {
  BeginStop();
  MutexLock stop(stop_mutex_);
  if (thread_.joinable()) thread_.join();
}

void Retention::SetBounds(const Bounds& bounds) {
  {
    MutexLock lock(mutex_);
    if (view_.bounds == bounds) return;
    view_.bounds = bounds;
    next_by_age_ = {};
    told_ = false;
    hurry_ = true;
  }
  changed_.NotifyAll();
}

Retention::View Retention::view() const {
  View view;
  {
    MutexLock lock(mutex_);
    view = view_;
  }
  view.usage = engine_.journal_usage();
  if (engine_.now() >= view.usage.purges_from) view.waiting.reset();
  return view;
}

SweepBounds Retention::BoundsAt(const Bounds& bounds, WallTime now) {
  SweepBounds at;
  if (bounds.age.count() > 0) at.ended_before = now - bounds.age;
  if (bounds.failed_age.count() > 0) at.failed_before = now - bounds.failed_age;
  if (bounds.groups > 0) at.keep_groups = bounds.groups;
  if (bounds.bytes > 0) at.keep_bytes = bounds.bytes;
  return at;
}

bool Retention::Pause(std::chrono::milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  MutexLock lock(mutex_);
  while (!stopping_ && !hurry_ && changed_.WaitUntil(mutex_, until)) {
  }
  return !stopping_;
}

bool Retention::Waits(const Bounds& bounds) {
  const WallTime from = engine_.journal_usage().purges_from;
  if (engine_.now() >= from) return false;
  {
    MutexLock lock(mutex_);
    if (std::exchange(told_, true)) return true;
  }
  Result<Swept> waiting = Sweep(engine_, BoundsAt(bounds, from)).Look();
  if (!waiting.ok()) return true;
  if (options_.log) {
    options_.log(
        "this journal was kept by a version that purged nothing: nothing is purged before " + DayText(from) +
        ", then " + std::to_string(waiting.value().groups) + " groups that are over by now, of " +
        std::to_string(waiting.value().bytes) +
        " bytes, unless retain_age, retain_failed_age, retain_groups or retain_bytes is set otherwise");
  }
  MutexLock lock(mutex_);
  view_.waiting = std::move(waiting.value());
  return true;
}

Result<Swept> Retention::Look() {
  Bounds bounds;
  WallTime next_by_age;
  {
    MutexLock lock(mutex_);
    bounds = view_.bounds;
    next_by_age = next_by_age_;
    hurry_ = false;
  }
  if (Waits(bounds)) return Swept();
  const WallTime now = engine_.now();
  const JournalUsage usage = engine_.journal_usage();
  const bool full = (bounds.groups > 0 && usage.ended_groups > bounds.groups) ||
                    (bounds.bytes > 0 && usage.ended_bytes > bounds.bytes);
  if (!full && now < next_by_age) return Swept();
  Sweep sweep(engine_, BoundsAt(bounds, now));
  Result<Swept> swept = sweep.Purge([this] { return Pause(options_.pause); });
  if (!swept.ok()) return swept;
  MutexLock lock(mutex_);
  view_.purged_groups += swept.value().groups;
  view_.purged_bytes += swept.value().bytes;
  if (view_.bounds != bounds) return swept;
  next_by_age_ = std::min(DueAt(sweep.oldest_left(false), bounds.age, now),
                          DueAt(sweep.oldest_left(true), bounds.failed_age, now));
  return swept;
}

void Retention::Run() {
  do {
    const Result<Swept> swept = Look();
    std::string trouble = swept.ok() ? std::string() : swept.error().message;
    if (swept.ok() && swept.value().groups > 0 && options_.log) {
      options_.log("purged " + std::to_string(swept.value().groups) + " groups that were over, about " +
                   std::to_string(swept.value().bytes) + " bytes");
    }
    MutexLock lock(mutex_);
    const bool again = trouble == std::exchange(trouble_, trouble);
    lock.Unlock();
    if (!trouble.empty() && !again && options_.warn)
      options_.warn("groups that are over cannot be purged: " + trouble);
  } while (Pause(options_.every));
}

}  // namespace covey
