#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "core/spec/group_spec.h"
#include "core/state/group_state.h"
#include "covey/status.h"

namespace covey {

// A group was decided, durably.
struct GroupDecision {
  std::shared_ptr<const GroupSpec> group;
  state::GroupState state;
  std::shared_ptr<const Failure> why;            // null when it succeeded
  std::shared_ptr<const Failure> first_failure;  // of a task; null when none failed
  std::chrono::microseconds after{0};            // its creation
  uint32_t stopped_in_queue = 0;                 // tasks that never started
};

// What became of an attempt that did not end by itself.
struct AttemptTrouble {
  enum class What : uint8_t {
    kLost,      // how it ended is not known; its task has ended
    kRunAgain,  // the same, but its task may run again
    kKilled,    // it had not stopped within its grace
  };
  What what = What::kLost;
  std::shared_ptr<const GroupSpec> group;
  std::string task;
  uint32_t attempt = 0;
  std::shared_ptr<const Failure> why;  // null for kKilled
};

// Is told what people ask for afterwards. What goes well is not told, but for decisions that are wanted.
//
// Called from any thread, with no lock held. Must not block.
class ActivityListener {
 public:
  virtual ~ActivityListener() = default;
  // Whether OnDecided is to be called for groups that succeeded; for the others it always is.
  virtual bool WantsSuccesses() const = 0;
  virtual void OnDecided(const GroupDecision& decision) = 0;
  virtual void OnTrouble(const AttemptTrouble& trouble) = 0;
};

}  // namespace covey
