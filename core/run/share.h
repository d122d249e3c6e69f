#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/spin.h"
#include "core/run/ticket_levels.h"

namespace covey {

class LaneOwner;
class SlotLeaf;
class SlotTree;

// Slots that were taken and given back, each number on a cache line of its own: who takes slots and who gives them back
// are different threads.
struct SlotCounts {
  alignas(64) std::atomic<uint64_t> taken = 0;
  std::atomic<uint64_t> seen = 0;  // a value that `returned` had: most takes need not look at the other line
  alignas(64) std::atomic<uint64_t> returned = 0;

  // In this order: what is returned was taken before.
  size_t running() const {
    const uint64_t back = returned.load(std::memory_order_seq_cst);
    return static_cast<size_t>(taken.load(std::memory_order_seq_cst) - back);
  }
};

// An inner node of a tree of slots, above groups: what its lanes hold together stays below its limit, and
// together they count as one beside its siblings. A share lives as long as somebody holds it, a lane or a
// share below it included.
//
// Thread safety: all of it. Its fields belong to its tree, which alone touches them.
class SlotShare {
 public:
  virtual ~SlotShare();
  SlotShare(const SlotShare&) = delete;
  SlotShare& operator=(const SlotShare&) = delete;

  // Both take effect at once; a lower limit lets what runs finish. `limit` 0: none but those above.
  void SetLimit(uint32_t limit);
  void SetPriority(int priority);
  size_t running() const;  // slots held below it
  size_t waiting() const;  // tickets below it

 protected:
  friend class SlotTree;

  // Children of one priority that could take a slot, as a ring: the next to be served first.
  struct Level {
    int priority = 0;
    size_t members = 0;  // children of this priority, in the ring or not
    SlotShare* first = nullptr;
    SlotShare* last = nullptr;
  };

  SlotShare(SlotTree& tree, std::shared_ptr<SlotShare> parent, uint32_t limit, int priority);

  size_t RunningLocked() const { return counts_ != nullptr ? counts_->running() : running_; }

  SlotTree& tree_;                           // lives while `parent_` does
  const std::shared_ptr<SlotShare> parent_;  // null: the root

  // Guarded by the tree's mutex.
  uint32_t limit_;
  int priority_;  // among the parent's children; the highest is served first
  bool attached_ = false;
  bool in_ring_ = false;
  SlotCounts* counts_ = nullptr;  // null: running_ counts
  size_t running_ = 0;
  size_t waiting_ = 0;
  uint64_t since_ = 0;  // in the ring: when it was last served, or came in
  SlotShare* before_ = nullptr;
  SlotShare* after_ = nullptr;
  size_t eligible_ = 0;        // children in a ring
  std::vector<Level> levels_;  // by falling priority; of each there are members
  Turns turns_;
};

// To a ticket: granted or refused. Holds on to the leaf, and so outlives the lane.
struct SlotAnswer {
  std::shared_ptr<SlotLeaf> leaf;
  uint64_t ticket = 0;
  bool granted = false;
};

// The slots of one pool and who holds them: a tree whose root is the pool, whose inner nodes are shares and
// whose leaves are lanes, one for each group. A free slot goes from the root to a leaf: at each node to the
// highest priority that could take it, among equals to the next in turn, and every sixteenth of a node's
// grants to the child that has waited longest, so that nobody starves. The leaf then chooses among its
// tickets by the same rule.
//
// Nothing is delivered here: what a call grants or refuses it returns, and the caller passes it to Deliver
// without a lock.
//
// While nobody waits, which attention_ says, a slot is taken and given back by two additions without the lock
// (TryTake, Return). Who waits sets attention_ first and looks at the counters afterwards; who takes or returns changes
// the counters first and looks at attention_ afterwards: one of the two sees the other.
//
// Thread safety: all of it. Lock order: mutex_ is taken last, and nothing is called under it.
//
// Invariants, but for takes without the lock that are about to be undone:
// 1. At every node running <= limit, but for what ran when the limit was lowered and for what was adopted.
// 2. A node is in a ring of its parent exactly while it is below its limit and has a ticket for a slot: a leaf
//    with tickets, an inner node with a child in a ring.
// 3. When no slot is free nothing is granted; when one is free the root has no child in a ring. Of a parked
//    tree none is free.
// 4. A node's running and waiting are the sums of its children's; a closed leaf counts for nothing.
// 5. Each ring is in the order of since_: whoever has waited longest in it is its first.
class SlotTree final : public std::enable_shared_from_this<SlotTree> {
 public:
  struct Stats {
    uint32_t max = 0;
    size_t running = 0;
    size_t waiting = 0;
    bool closed = false;
  };

  // `max` 0: no bound. A parked tree gives out no slot until Unpark.
  static std::shared_ptr<SlotTree> New(uint32_t max, bool parked = false) {
    return std::shared_ptr<SlotTree>(new SlotTree(max, parked));
  }
  SlotTree(const SlotTree&) = delete;
  SlotTree& operator=(const SlotTree&) = delete;

  // `parent` null: the root.
  std::shared_ptr<SlotShare> NewShare(std::shared_ptr<SlotShare> parent, uint32_t limit, int priority)
      COVEY_EXCLUDES(mutex_);
  // `counts` null: its own. Counts of the caller's, for a leaf below the root alone, have what was taken and returned
  // without the leaf too, and outlive its lane.
  std::shared_ptr<SlotLeaf> NewLeaf(std::shared_ptr<SlotShare> parent, uint32_t limit, int priority,
                                    std::weak_ptr<LaneOwner> owner, SlotCounts* counts = nullptr)
      COVEY_EXCLUDES(mutex_);

  // Takes a slot without a leaf and without the lock: false when somebody waits or none is free, or the tree is
  // parked or closed. For a group below the root without a limit. Undoing it may have answers.
  bool TryTake(SlotCounts& counts, std::vector<SlotAnswer>* answers) COVEY_EXCLUDES(mutex_);
  // Gives back a slot that is counted in `counts`. True: somebody may be waiting, and Settle has to follow.
  [[nodiscard]] bool Return(SlotCounts& counts) {
    counts.returned.fetch_add(1, std::memory_order_relaxed);
    counts_.returned.fetch_add(1, std::memory_order_seq_cst);
    return attention_.load(std::memory_order_seq_cst);
  }
  // Whether somebody waits (or the tree is parked or closed): then TryTake takes nothing.
  bool attention() const { return attention_.load(std::memory_order_relaxed); }
  uint32_t max() const { return max_.load(std::memory_order_relaxed); }
  // Counts tasks that hold a slot and wait for another one; how many there are now.
  uint32_t AddBlockedHolders(int by) {
    return blocked_holders_.fetch_add(static_cast<uint32_t>(by)) + static_cast<uint32_t>(by);
  }
  // `leaf` null: there is none yet.
  std::vector<SlotAnswer> Settle(SlotLeaf* leaf) COVEY_EXCLUDES(mutex_);

  // Takes up to `count` slots, as far as they are free and no ticket of the leaf waits for them.
  size_t TryAcquire(SlotLeaf& leaf, size_t count) COVEY_EXCLUDES(mutex_);
  // Takes `count` slots, whatever the limits are.
  void Adopt(SlotLeaf& leaf, size_t count) COVEY_EXCLUDES(mutex_);
  // Queues tickets; nullopt on a closed tree.
  std::optional<std::vector<SlotAnswer>> Push(SlotLeaf& leaf, std::span<const uint64_t> tickets, int priority,
                                              bool front) COVEY_EXCLUDES(mutex_);
  std::vector<SlotAnswer> Release(SlotLeaf& leaf, size_t count) COVEY_EXCLUDES(mutex_);
  size_t Clear(SlotLeaf& leaf) COVEY_EXCLUDES(mutex_);
  bool Withdraw(SlotLeaf& leaf, uint64_t ticket) COVEY_EXCLUDES(mutex_);
  std::optional<size_t> Ahead(const SlotLeaf& leaf, uint64_t ticket) const COVEY_EXCLUDES(mutex_);

  void SetPriority(SlotShare& share, int priority) COVEY_EXCLUDES(mutex_);
  std::vector<SlotAnswer> SetLimit(SlotShare& share, uint32_t limit) COVEY_EXCLUDES(mutex_);
  // The limit of the root.
  std::vector<SlotAnswer> SetMax(uint32_t max) COVEY_EXCLUDES(mutex_);
  std::vector<SlotAnswer> Unpark() COVEY_EXCLUDES(mutex_);

  size_t running(const SlotShare& share) const COVEY_EXCLUDES(mutex_);
  size_t waiting(const SlotShare& share) const COVEY_EXCLUDES(mutex_);
  Stats stats() const COVEY_EXCLUDES(mutex_);

  // Refuses all tickets, and from now on every Push and TryAcquire; nullopt the second time.
  std::optional<std::vector<SlotAnswer>> Close() COVEY_EXCLUDES(mutex_);
  // Until no slot is held; false when one was after `duration`.
  bool WaitUntilIdle(std::chrono::nanoseconds duration = std::chrono::nanoseconds::max())
      COVEY_EXCLUDES(mutex_);
  // For those who look for a slot before they queue, and for an answer before they sleep.
  SpinBudget& looks() { return looks_; }
  SpinBudget& looks_for_answer() { return looks_for_answer_; }
  // Counts the slots of tasks without a group.
  SlotCounts& others() { return others_; }

  // The lane of the leaf goes: drops its tickets and takes back the slots that were granted to it and not
  // delivered. It must hold no other.
  std::vector<SlotAnswer> CloseLeaf(SlotLeaf& leaf) COVEY_EXCLUDES(mutex_);
  // The answer is about to be delivered; false when the leaf is closed: then there is nothing to deliver.
  bool BeginDelivery(const SlotAnswer& answer) COVEY_EXCLUDES(mutex_);
  // Nobody is there to take the answer: takes its slot back.
  std::vector<SlotAnswer> TakeBack(const SlotAnswer& answer) COVEY_EXCLUDES(mutex_);

 private:
  friend class SlotShare;

  SlotTree(uint32_t max, bool parked);

  std::shared_ptr<SlotShare> ParentOrRoot(std::shared_ptr<SlotShare> parent);
  void AttachLocked(SlotShare& share) COVEY_REQUIRES(mutex_);
  void DetachLocked(SlotShare& share) COVEY_REQUIRES(mutex_);
  void Detach(SlotShare& share) COVEY_EXCLUDES(mutex_);

  static bool BelowLimit(const SlotShare& share) {
    return share.limit_ == 0 || share.RunningLocked() < share.limit_;
  }
  // A slot of the root, unless all are held.
  bool TakeOfRoot();
  // Restores what attention_ says.
  void UpdateAttentionLocked() COVEY_REQUIRES(mutex_);
  static SlotShare::Level& LevelOf(SlotShare& parent, int priority);
  static void Link(SlotShare& share, uint64_t now);
  static void Unlink(SlotShare& share);
  // Restores invariant 2 for the node and those above it, after a change of its tickets, slots or limit.
  void UpdateLocked(SlotShare& share) COVEY_REQUIRES(mutex_);
  // Adds to the counters of the node and of those above it.
  void AddRunningLocked(SlotShare& share, size_t by) COVEY_REQUIRES(mutex_);
  void AddWaitingLocked(SlotShare& share, size_t by) COVEY_REQUIRES(mutex_);
  void ReleaseLocked(SlotLeaf& leaf, size_t count) COVEY_REQUIRES(mutex_);
  size_t ClearLocked(SlotLeaf& leaf) COVEY_REQUIRES(mutex_);
  // The child of the node whose turn it is; its next turn is after that of its equals.
  SlotShare& TakeTurnLocked(SlotShare& node) COVEY_REQUIRES(mutex_);
  // Hands free slots to tickets.
  std::vector<SlotAnswer> GrantLocked() COVEY_REQUIRES(mutex_);

  // Have their own synchronisation.
  SlotCounts counts_;  // of the root
  SlotCounts others_;
  alignas(64) std::atomic<bool> attention_ = false;  // somebody waits, or it is parked or closed
  std::atomic<uint32_t> max_;                        // the root's limit
  std::atomic<uint32_t> blocked_holders_ = 0;
  SpinBudget looks_{std::chrono::microseconds(20)};
  SpinBudget looks_for_answer_{std::chrono::microseconds(20)};

  alignas(64) mutable Mutex mutex_;
  CondVar idle_;
  SlotShare root_ COVEY_GUARDED_BY(mutex_);
  std::vector<SlotLeaf*> leaves_ COVEY_GUARDED_BY(mutex_);  // all that are not closed
  bool parked_ COVEY_GUARDED_BY(mutex_);
  bool closed_ COVEY_GUARDED_BY(mutex_) = false;
  uint64_t now_ COVEY_GUARDED_BY(mutex_) = 0;  // counts what happens, for those who wait
};

// A leaf of the tree: the place of one group. A Lane owns it; answers under way hold on to it.
class SlotLeaf final : public SlotShare, public std::enable_shared_from_this<SlotLeaf> {
 public:
  SlotTree& tree() const { return tree_; }
  // Null when the owner has gone. The caller keeps the owner until its call has returned.
  std::shared_ptr<LaneOwner> owner() const { return owner_.lock(); }

 private:
  friend class SlotTree;

  SlotLeaf(SlotTree& tree, std::shared_ptr<SlotShare> parent, uint32_t limit, int priority,
           std::weak_ptr<LaneOwner> owner, SlotCounts* counts);

  const std::weak_ptr<LaneOwner> owner_;

  // Guarded by the tree's mutex.
  bool closed_ = false;
  size_t undelivered_ = 0;  // granted answers whose delivery has not begun
  size_t place_ = 0;        // in SlotTree::leaves_
  TicketLevels tickets_;
};

}  // namespace covey
