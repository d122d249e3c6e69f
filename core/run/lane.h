#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "core/run/share.h"
#include "covey/status.h"

namespace covey {

class Pool;

// Who queues in a lane. Kept by the pool while it is called, and not called after it has gone.
class LaneOwner {
 public:
  virtual ~LaneOwner() = default;
  // The lane holds one slot more, for this ticket: start its work, or give the slot back with Lane::Release
  // if the ticket means nothing any more. Called without a lock of the pool, on the thread that freed or
  // asked for the slot.
  virtual void OnGranted(uint64_t ticket) = 0;
  // The pool was closed: the ticket will not be granted.
  virtual void OnRefused(uint64_t /*ticket*/) {}
};

// A group's place in a pool: its tickets, each priority in order of arrival, with a bound of its own. A
// ticket is any number that the owner recognises; it waits in the lane at most once.
//
// Lifetime: destruction drops the tickets and waits for nothing. Answers under way to tickets of the lane are
// dropped, and their slots go to others. It requires that the lane holds no slot that its owner was granted.
// Thread safety: all of it. A caller's lock may be held around TryAcquire, Adopt, Clear, Withdraw and the
// reads; around nothing else, since grants are delivered from within.
class Lane {
 public:
  struct Options {
    uint32_t limit = 0;                  // 0: none but those above
    int priority = 0;                    // among its siblings; the highest is served first
    std::shared_ptr<SlotShare> share{};  // what it hangs below, of the same pool; null: the pool itself
    SlotCounts* counts = nullptr;        // as in SlotTree::NewLeaf
  };

  // A node for lanes that have a limit and a turn together. `limit` 0: none but those above. `parent` is a
  // share of this pool, or null: the pool itself.
  static std::shared_ptr<SlotShare> NewShare(Pool& pool, uint32_t limit = 0, int priority = 0,
                                             std::shared_ptr<SlotShare> parent = nullptr);

  Lane(std::shared_ptr<Pool> pool, std::weak_ptr<LaneOwner> owner, Options options);
  Lane(std::shared_ptr<Pool> pool, std::weak_ptr<LaneOwner> owner, uint32_t limit = 0);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // Takes up to `count` slots without queueing, as far as they are free and no ticket waits for them.
  // Delivers nothing.
  size_t TryAcquire(size_t count = 1);
  // Takes `count` slots for attempts that run already, also past every limit. Delivers nothing.
  void Adopt(size_t count);
  // Queues tickets, and delivers what can be granted. Those of a higher priority are served first, but for
  // every sixteenth; `front`: before all others of this priority. A ticket that waits already keeps its
  // place. ErrClosed on a closed pool: then none is queued.
  Status Push(std::span<const uint64_t> tickets, int priority = 0, bool front = false);
  // Gives slots back; they serve the next tickets at once.
  void Release(size_t count = 1);
  // Drops all tickets; how many there were.
  size_t Clear();
  // Drops one ticket: false when it is not waiting (granted, refused or never queued).
  bool Withdraw(uint64_t ticket);
  // A slot was given back to `counts` without the lane, and somebody may be waiting.
  void Settle();
  void SetLimit(uint32_t limit);
  void SetPriority(int priority);

  size_t running() const;
  size_t waiting() const;
  // Tickets of the lane that are served before this one, age aside; nullopt when it is not waiting.
  std::optional<size_t> Ahead(uint64_t ticket) const;
  SlotTree& tree() const { return leaf_->tree(); }
  Pool& pool() const { return *pool_; }

 private:
  const std::shared_ptr<Pool> pool_;
  const std::shared_ptr<SlotLeaf> leaf_;
};

}  // namespace covey
