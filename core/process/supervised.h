#pragma once

#include <array>
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
  // Of stdout or stderr, for PipeReader.
  struct PipeState {
    bool held = false;      // its listener has no room: it is not read
    bool draining = false;  // only `left` is still read
    int left = 0;           // bytes
  };

  // Constant after construction.
  ProcessId id = 0;
  std::shared_ptr<const ProcessSpec> spec;
  std::shared_ptr<ProcessListener> listener;
  // Instead of that of the spec; used by the spawning thread, and given up once the process runs.
  std::optional<Variables> env;

  // Guarded by the mutex of the supervisor.
  Phase phase = Phase::kQueued;
  Wanted wanted = Wanted::kRun;              // asked for while it was being spawned
  std::chrono::milliseconds start_pause{0};  // after it could not be started

  Tree tree;
  SpawnedChild child;
  ProcessResult result;

  bool stopping = false;    // a stop or a kill has been carried out
  bool killed = false;      // SIGKILL has been sent, and reported
  bool root_ended = false;  // its pidfd has said so
  bool lingering = false;   // the root has ended, and what it has left may still write
  bool swept = false;       // nothing of the tree is left; its pipes are still to be drained
  bool released = false;    // it is read whether its listener has room or not
  bool gone = false;        // OnGone has been called
  // From the stop signal until SIGKILL.
  std::optional<std::chrono::steady_clock::time_point> grace_end;
  std::chrono::milliseconds retry{1};
  // End of the grace or of the linger, the next SIGKILL or sweep.
  std::optional<std::chrono::steady_clock::time_point> alarm;
  std::array<PipeState, 2> pipes;
};

}  // namespace covey
