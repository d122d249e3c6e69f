#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/process/process.h"
#include "core/process/spawner.h"
#include "core/process/tree_tracker.h"

namespace covey {

// One process from Start to OnGone. A spawning thread fills `tree` and `child` and then hands the process
// over to the loop (EventLoop::Watch); from there on both and all that follows them are the loop's alone.
struct Supervised : std::enable_shared_from_this<Supervised> {
  enum class Phase : uint8_t { kQueued, kSpawning, kWatched, kCancelled };
  enum class Wanted : uint8_t { kRun, kStop, kKill };

  // Constant after construction.
  ProcessId id = 0;
  std::shared_ptr<const ProcessSpec> spec;
  std::shared_ptr<ProcessListener> listener;

  // Guarded by the mutex of the supervisor.
  Phase phase = Phase::kQueued;
  Wanted wanted = Wanted::kRun;              // asked for while it was being spawned
  std::chrono::milliseconds start_pause{0};  // after it could not be started

  Tree tree;
  SpawnedChild child;
  ProcessResult result;

  bool stopping = false;                                           // a stop or a kill has been carried out
  bool killed = false;                                             // SIGKILL has been sent, and reported
  bool root_ended = false;                                         // its pidfd has said so
  bool gone = false;                                               // OnGone has been called
  std::optional<std::chrono::steady_clock::time_point> grace_end;  // from the stop signal until SIGKILL
  std::chrono::milliseconds retry{1};
  std::optional<std::chrono::steady_clock::time_point> alarm;  // end of the grace, the next SIGKILL or sweep
};

}  // namespace covey
