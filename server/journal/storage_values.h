#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/journal/journal.h"
#include "server/journal/storage.pb.h"

// Single values to and from their storage messages, for storage.cc.
namespace covey::storage {

inline int64_t ToMicros(WallTime time) { return time.time_since_epoch().count(); }
inline WallTime FromMicros(int64_t micros) { return WallTime(std::chrono::microseconds(micros)); }
// Indexes of tasks are stored plus 1, so that kNoTask costs nothing.
inline uint32_t ToSlot(uint32_t task) { return task + 1; }
inline uint32_t FromSlot(uint32_t slot) { return slot - 1; }

// A stored number as an enum whose values are low..high; anything else is said in `problem`.
template <typename Enum>
Enum FromNumber(uint32_t number, Enum low, Enum high, const char* what, std::string* problem) {
  if (number >= static_cast<uint32_t>(low) && number <= static_cast<uint32_t>(high)) {
    return static_cast<Enum>(number);
  }
  *problem = std::string(what) + " " + std::to_string(number) + " is not known to this version";
  return low;
}

void Store(const GroupSpec& spec, v1::GroupSpec* out);
void Store(const TaskSpec& spec, v1::TaskSpec* out);
void Store(const Payload& payload, v1::Payload* out);
void Store(const Failure& failure, v1::Failure* out);

// They take bytes out of `in` and set `problem` when it holds what this version does not know.
GroupSpec Load(v1::GroupSpec* in, std::string* problem);
TaskSpec Load(v1::TaskSpec* in, std::string* problem);
Payload Load(v1::Payload* in);
Failure Load(v1::Failure* in, std::string* problem);

}  // namespace covey::storage
