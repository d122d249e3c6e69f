#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "core/base/mutex.h"
#include "core/engine/engine.h"
#include "core/engine/sweep.h"

namespace covey {

// Purges groups that are over once they are too old, too many or too large: on a thread of its own, the oldest first,
// a little at a time. Those that are not over are never touched, and those that somebody watches not now.
//
// Of a journal that an older version has written nothing is purged before JournalUsage::purges_from; what will be is
// told at the start.
//
// Thread safety: all of it. Outlived by the engine. The clock is the engine's.
class Retention {
 public:
  // 0: no bound.
  struct Bounds {
    std::chrono::microseconds age = std::chrono::hours(7 * 24);  // since the end
    std::chrono::microseconds failed_age = std::chrono::hours(30 * 24);
    uint64_t groups = 100'000;
    uint64_t bytes = uint64_t{10} << 30;  // of the journal and the output together, about

    bool operator==(const Bounds&) const = default;
  };
  struct Options {
    Bounds bounds;
    std::chrono::milliseconds every{2'000};  // how often it looks
    std::chrono::milliseconds pause{10};     // between steps
    std::function<void(const std::string& line)> log;
    std::function<void(const std::string& line)> warn;
  };
  // How full the bounds are.
  struct View {
    Bounds bounds;
    JournalUsage usage;
    uint64_t purged_groups = 0;  // since the start
    uint64_t purged_bytes = 0;
    std::optional<Swept> waiting;  // nothing goes before usage.purges_from; then these will
  };

  Retention(Engine& engine, Options options);
  ~Retention() { Stop(); }
  Retention(const Retention&) = delete;
  Retention& operator=(const Retention&) = delete;

  // Looks now and then from here on.
  void Start() COVEY_EXCLUDES(mutex_);
  // It stops after the step that is under way, if any.
  void BeginStop() COVEY_EXCLUDES(mutex_);
  // The same, and returns when it has. Idempotent.
  void Stop() COVEY_EXCLUDES(mutex_, stop_mutex_);
  // Counts at once.
  void SetBounds(const Bounds& bounds) COVEY_EXCLUDES(mutex_);
  View view() const COVEY_EXCLUDES(mutex_);

  // What goes by these bounds, as of `now`.
  static SweepBounds BoundsAt(const Bounds& bounds, WallTime now);
  // One look, on the caller's thread: what the other does now and then.
  Result<Swept> Look() COVEY_EXCLUDES(mutex_);

 private:
  void Run() COVEY_EXCLUDES(mutex_);
  // Tells what will go, once; false: it is time.
  bool Waits(const Bounds& bounds) COVEY_EXCLUDES(mutex_);
  // False: it stops.
  bool Pause(std::chrono::milliseconds time) COVEY_EXCLUDES(mutex_);

  Engine& engine_;
  const Options options_;

  mutable Mutex mutex_;
  CondVar changed_;
  bool stopping_ COVEY_GUARDED_BY(mutex_) = false;
  bool hurry_ COVEY_GUARDED_BY(mutex_) = false;
  bool told_ COVEY_GUARDED_BY(mutex_) = false;
  View view_ COVEY_GUARDED_BY(mutex_);  // without usage
  // Before this nothing goes by its age; epoch: not known.
  WallTime next_by_age_ COVEY_GUARDED_BY(mutex_){};
  std::string trouble_ COVEY_GUARDED_BY(mutex_);  // what was warned of last

  Mutex stop_mutex_;  // before mutex_; held while Stop joins
  std::thread thread_ COVEY_GUARDED_BY(stop_mutex_);
};

}  // namespace covey
