#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

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
  // Somebody who waits for a slot. OnSlot is called once it is held, before Acquire returns, on whatever thread gave it:
  // what it starts there need not wait until the caller has woken.
  class Caller {
   public:
    virtual void OnSlot() = 0;

   protected:
    ~Caller() = default;
  };

  // `counts`: as in SlotTree::NewLeaf.
  explicit BlockingLane(std::shared_ptr<Pool> pool, uint32_t limit = 0, SlotCounts* counts = nullptr);
  BlockingLane(const BlockingLane&) = delete;
  BlockingLane& operator=(const BlockingLane&) = delete;

  // OK when a slot is held. ErrDispatchTimeout when the context ends first, or at `until`; ErrClosed on a closed pool.
  Status Acquire(const Context& context, Caller* caller = nullptr,
                 std::optional<Context::Clock::time_point> until = std::nullopt);
  void Release() { lane_.Release(); }
  void Settle() { lane_.Settle(); }
  void SetLimit(uint32_t limit) { lane_.SetLimit(limit); }

 private:
  class Waiters;

  const std::shared_ptr<Waiters> waiters_;
  Lane lane_;
};

}  // namespace covey
