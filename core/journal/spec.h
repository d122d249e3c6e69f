#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/process/process.h"
#include "core/state/event.h"

namespace covey {

using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;
using Labels = std::vector<std::pair<std::string, std::string>>;  // sorted by key

// Bytes with a media type; `is_text` tells UTF-8 text from any bytes.
struct Payload {
  std::string bytes;
  std::string content_type;
  bool is_text = true;
};

// A call of a registered function.
struct FunctionSpec {
  std::string name;
  Payload payload;
};

// A task as submitted. Immutable once shared.
struct TaskSpec {
  std::string name;  // empty: its index in the group
  std::variant<FunctionSpec, std::shared_ptr<const ProcessSpec>> work;
  std::chrono::nanoseconds timeout{0};  // of one attempt, from its start; 0: none
  Labels labels;
  bool rerun_on_restart = false;
};

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
  bool attached = false;                // ends with the call that made it
};

}  // namespace covey
