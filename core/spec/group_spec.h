#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "core/spec/labels.h"
#include "core/spec/wall_time.h"
#include "core/state/event.h"

namespace covey {

// A group as created. Immutable once shared.
struct GroupSpec {
  std::string id;  // letters, digits, '.', '_', '-'; 1..128
  std::string name;
  Labels labels;
  std::string pool = "default";
  uint32_t limit = 0;  // 0: none of its own
  state::Policy policy = state::Policy::kAll;
  uint32_t max_failures = 0;
  std::chrono::nanoseconds timeout{0};  // from creation; 0: none
  WallTime deadline{};                  // creation + timeout, for recovery; epoch: none
  Labels annotations;                   // notes of the client's: kept, not looked at
  bool attached = false;                // ends with the call that made it
  std::string caller;                   // who made it, as far as that call told; not kept
  bool paced_output = false;  // its tasks write as fast as that call takes it; not kept, as no call is
};

}  // namespace covey
