#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <variant>

#include "core/spec/labels.h"
#include "core/spec/process_spec.h"

namespace covey {

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

// The kinds of work; an executor each (core/executor).
using TaskWork = std::variant<FunctionSpec, std::shared_ptr<const ProcessSpec>>;

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
