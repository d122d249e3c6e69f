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

// One process from Start to OnGone. The spawning thread fills `child` and hands it over to the loop by
// watching it there; from then on everything but `phase` and `wanted` is the loop's alone.
struct Supervised {
  // Guarded by the mutex of the supervisor.
  enum class Phase : uint8_t { kQueued, kSpawning, kWatched, kCancelled };
  // What it was asked to do. Guarded likewise until it is watched.
  enum class Wanted : uint8_t { kRun, kStop, kKill };

  // Constant after construction.
  ProcessId id = 0;
  std::shared_ptr<const ProcessSpec> spec;
  std::shared_ptr<ProcessListener> listener;

  Phase phase = Phase::kQueued;
  Wanted wanted = Wanted::kRun;

  Tree tree;
  SpawnedChild child;
  ProcessResult result;

  bool stopping = false;    // a stop or a kill has been carried out
  bool killed = false;      // SIGKILL has been sent, and told
  bool root_ended = false;  // its pidfd has said so
  bool gone = false;        // OnGone has been called
  std::chrono::milliseconds retry{1};
  std::optional<std::chrono::steady_clock::time_point> alarm;  // end of the grace, or the next sweep
};

}  // namespace covey
