#pragma once

#include <cstdint>

namespace covey {

// What waits in a group's lane: one attempt of one task. A ticket whose attempt is not the task's next one
// any more starts nothing.
struct Ticket {
  uint32_t task = 0;     // index in the group
  uint32_t attempt = 0;  // the number that the attempt will have

  uint64_t Pack() const { return static_cast<uint64_t>(attempt) << 32 | task; }
  static Ticket Unpack(uint64_t bits) {
    return {.task = static_cast<uint32_t>(bits), .attempt = static_cast<uint32_t>(bits >> 32)};
  }
};

}  // namespace covey
