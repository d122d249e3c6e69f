#pragma once

#include <cstdint>
#include <memory>

#include "core/run/lane.h"
#include "covey/context.h"
#include "covey/status.h"

namespace covey {

// Callers that block for a slot of one lane.
//
// Lifetime: no Acquire may be under way when it is destroyed.
// Thread safety: all of it.
class BlockingLane {
 public:
  explicit BlockingLane(std::shared_ptr<Pool> pool, uint32_t limit = 0);
  BlockingLane(const BlockingLane&) = delete;
  BlockingLane& operator=(const BlockingLane&) = delete;

  // OK when a slot is held. ErrDispatchTimeout when the context ends first, ErrClosed on a closed pool.
  Status Acquire(const Context& context);
  void Release() { lane_.Release(); }
  void SetLimit(uint32_t limit) { lane_.SetLimit(limit); }

 private:
  class Waiters;

  const std::shared_ptr<Waiters> waiters_;
  Lane lane_;
};

}  // namespace covey
