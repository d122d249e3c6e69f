#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>

#include "core/spec/labels.h"
#include "core/spec/process_spec.h"
#include "covey/payload.h"

namespace covey {

// A call of a registered function.
struct FunctionSpec {
  std::string name;
  Payload payload;
};

// Work that is carried as it was asked for, and read by its executor alone: whatever the daemon can do that
// core need not know.
struct OpaqueSpec {
  uint32_t kind = 0;    // the number of its field in the contract; never reused
  std::string message;  // encoded
};

// The kinds of work; an executor each (core/executor).
using TaskWork = std::variant<FunctionSpec, std::shared_ptr<const ProcessSpec>, OpaqueSpec>;

// A task as submitted. Immutable once shared.
struct TaskSpec {
  std::string name;  // empty: its index in the group
  TaskWork work;
  std::chrono::nanoseconds timeout{0};  // of one attempt, from its start; 0: none
  Labels labels;
  bool rerun_on_restart = false;
  Labels annotations;  // notes of the client's: kept, not looked at
};

}  // namespace covey
