#include "core/run/share.h"

#include <algorithm>
#include <utility>

#include "core/base/after.h"
#include "core/base/check.h"
#include "core/run/delivery.h"

namespace covey {

SlotShare::SlotShare(SlotTree& tree, std::shared_ptr<SlotShare> parent, uint32_t limit, int priority)
    : tree_(tree), parent_(std::move(parent)), limit_(limit), priority_(priority) {}

SlotShare::~SlotShare() {
  if (attached_) tree_.Detach(*this);  // a leaf left when its lane did
}

void SlotShare::SetLimit(uint32_t limit) { Deliver(tree_.SetLimit(*this, limit)); }

void SlotShare::SetPriority(int priority) { tree_.SetPriority(*this, priority); }

size_t SlotShare::running() const { return tree_.running(*this); }

size_t SlotShare::waiting() const { return tree_.waiting(*this); }

SlotLeaf::SlotLeaf(SlotTree& tree, std::shared_ptr<SlotShare> parent, uint32_t limit, int priority,
                   std::weak_ptr<LaneOwner> owner, SlotCounts* counts)
    : SlotShare(tree, std::move(parent), limit, priority), owner_(std::move(owner)) {
  counts_ = counts;
}

SlotTree::SlotTree(uint32_t max, bool parked)
    : attention_(parked), max_(max), root_(*this, nullptr, max, 0), parked_(parked) {
  root_.counts_ = &counts_;
}

std::shared_ptr<SlotShare> SlotTree::NewShare(std::shared_ptr<SlotShare> parent, uint32_t limit,
                                              int priority) {
  std::shared_ptr<SlotShare> share(new SlotShare(*this, ParentOrRoot(std::move(parent)), limit, priority));
  MutexLock lock(mutex_);
  AttachLocked(*share);
  return share;
}

std::shared_ptr<SlotLeaf> SlotTree::NewLeaf(std::shared_ptr<SlotShare> parent, uint32_t limit, int priority,
                                            std::weak_ptr<LaneOwner> owner, SlotCounts* counts) {
  COVEY_CHECK(counts == nullptr || parent == nullptr);
  std::shared_ptr<SlotLeaf> leaf(
      new SlotLeaf(*this, ParentOrRoot(std::move(parent)), limit, priority, std::move(owner), counts));
  MutexLock lock(mutex_);
  AttachLocked(*leaf);
  leaf->place_ = leaves_.size();
  leaves_.push_back(leaf.get());
  return leaf;
}

// The root belongs to the tree: whoever holds it holds the tree.
std::shared_ptr<SlotShare> SlotTree::ParentOrRoot(std::shared_ptr<SlotShare> parent) {
  COVEY_CHECK(parent == nullptr || &parent->tree_ == this);
  return parent != nullptr ? std::move(parent) : std::shared_ptr<SlotShare>(shared_from_this(), &root_);
}

bool SlotTree::TakeOfRoot() {
  const uint64_t max = max_.load(std::memory_order_relaxed);
  uint64_t taken = counts_.taken.load(std::memory_order_relaxed);
  for (;;) {
    if (max != 0 && taken - counts_.seen.load(std::memory_order_acquire) >= max) {
      const uint64_t returned = counts_.returned.load(std::memory_order_seq_cst);
      if (taken - returned >= max && taken >= returned) return false;
      // What others have seen may be newer; an older value is no harm.
      counts_.seen.store(returned, std::memory_order_release);
    }
    if (counts_.taken.compare_exchange_weak(taken, taken + 1, std::memory_order_seq_cst)) return true;
  }
}

bool SlotTree::TryTake(SlotCounts& counts, std::vector<SlotAnswer>* answers) {
  if (attention_.load(std::memory_order_relaxed) || !TakeOfRoot()) return false;
  counts.taken.fetch_add(1, std::memory_order_relaxed);
  if (!attention_.load(std::memory_order_seq_cst)) [[likely]]
    return true;
  // Somebody has come to wait meanwhile: whose turn it is, the tree says.
  if (Return(counts)) *answers = Settle(nullptr);
  return false;
}

std::vector<SlotAnswer> SlotTree::Settle(SlotLeaf* leaf) {
  MutexLock lock(mutex_);
  if (leaf != nullptr && !leaf->closed_) UpdateLocked(*leaf);
  if (counts_.running() == 0) idle_.NotifyAll();
  return GrantLocked();
}

void SlotTree::UpdateAttentionLocked() {
  const bool attention = root_.waiting_ > 0 || parked_ || closed_;
  if (attention_.load(std::memory_order_relaxed) != attention) {
    attention_.store(attention, std::memory_order_seq_cst);
  }
}

size_t SlotTree::TryAcquire(SlotLeaf& leaf, size_t count) {
  MutexLock lock(mutex_);
  if (closed_ || parked_ || !leaf.tickets_.empty()) return 0;
  // Nobody is overtaken: while a slot is free for this leaf no ticket of another could have it (invariant 3).
  size_t most = count;
  for (const SlotShare* node = &leaf; node != &root_; node = node->parent_.get()) {
    if (node->limit_ == 0) continue;
    const size_t running = node->RunningLocked();
    most = std::min(most, running < node->limit_ ? node->limit_ - running : 0);
  }
  size_t got = 0;
  while (got < most && TakeOfRoot()) ++got;
  if (got == 0) return 0;
  AddRunningLocked(leaf, got);  // for the same reason no node of this path is in a ring
  return got;
}

void SlotTree::Adopt(SlotLeaf& leaf, size_t count) {
  MutexLock lock(mutex_);
  counts_.taken.fetch_add(count, std::memory_order_seq_cst);
  AddRunningLocked(leaf, count);
  UpdateLocked(leaf);
}

std::optional<std::vector<SlotAnswer>> SlotTree::Push(SlotLeaf& leaf, std::span<const uint64_t> tickets,
                                                      int priority, bool front) {
  MutexLock lock(mutex_);
  if (closed_) return std::nullopt;
  AddWaitingLocked(leaf, leaf.tickets_.Push(tickets, priority, front, ++now_));
  UpdateLocked(leaf);
  return GrantLocked();
}

std::vector<SlotAnswer> SlotTree::Release(SlotLeaf& leaf, size_t count) {
  MutexLock lock(mutex_);
  ReleaseLocked(leaf, count);
  return GrantLocked();
}

size_t SlotTree::Clear(SlotLeaf& leaf) {
  MutexLock lock(mutex_);
  return ClearLocked(leaf);
}

bool SlotTree::Withdraw(SlotLeaf& leaf, uint64_t ticket) {
  MutexLock lock(mutex_);
  if (!leaf.tickets_.Withdraw(ticket)) return false;
  AddWaitingLocked(leaf, static_cast<size_t>(-1));
  UpdateLocked(leaf);
  return true;
}

std::optional<size_t> SlotTree::Ahead(const SlotLeaf& leaf, uint64_t ticket) const {
  MutexLock lock(mutex_);
  return leaf.tickets_.Ahead(ticket);
}

void SlotTree::SetPriority(SlotShare& share, int priority) {
  MutexLock lock(mutex_);
  if (share.priority_ == priority || !share.attached_) return;
  DetachLocked(share);
  share.priority_ = priority;
  AttachLocked(share);
  UpdateLocked(share);
}

std::vector<SlotAnswer> SlotTree::SetLimit(SlotShare& share, uint32_t limit) {
  MutexLock lock(mutex_);
  share.limit_ = limit;
  UpdateLocked(share);
  return GrantLocked();
}

std::vector<SlotAnswer> SlotTree::SetMax(uint32_t max) {
  MutexLock lock(mutex_);
  root_.limit_ = max;
  max_.store(max, std::memory_order_relaxed);
  return GrantLocked();
}

std::vector<SlotAnswer> SlotTree::Unpark() {
  MutexLock lock(mutex_);
  parked_ = false;
  return GrantLocked();  // and lowers attention_
}

size_t SlotTree::running(const SlotShare& share) const {
  MutexLock lock(mutex_);
  return share.RunningLocked();
}

size_t SlotTree::waiting(const SlotShare& share) const {
  MutexLock lock(mutex_);
  return share.waiting_;
}

SlotTree::Stats SlotTree::stats() const {
  MutexLock lock(mutex_);
  return {.max = root_.limit_, .running = counts_.running(), .waiting = root_.waiting_, .closed = closed_};
}

std::optional<std::vector<SlotAnswer>> SlotTree::Close() {
  std::vector<SlotAnswer> refusals;
  MutexLock lock(mutex_);
  if (closed_) return std::nullopt;
  closed_ = true;
  UpdateAttentionLocked();
  refusals.reserve(root_.waiting_);
  for (SlotLeaf* leaf : leaves_) {
    while (!leaf->tickets_.empty()) {
      refusals.push_back(
          {.leaf = leaf->shared_from_this(), .ticket = leaf->tickets_.Pop(++now_), .granted = false});
    }
    AddWaitingLocked(*leaf, 0 - leaf->waiting_);
    UpdateLocked(*leaf);
  }
  return refusals;
}

bool SlotTree::WaitUntilIdle(std::chrono::nanoseconds duration) {
  const std::chrono::steady_clock::time_point until = After(std::chrono::steady_clock::now(), duration);
  MutexLock lock(mutex_);
  while (counts_.running() > 0) {
    if (!idle_.WaitUntil(mutex_, until) && std::chrono::steady_clock::now() >= until)
      return counts_.running() == 0;
  }
  return true;
}

std::vector<SlotAnswer> SlotTree::CloseLeaf(SlotLeaf& leaf) {
  MutexLock lock(mutex_);
  ClearLocked(leaf);
  leaf.closed_ = true;
  COVEY_CHECK(leaf.counts_ != nullptr || leaf.running_ == leaf.undelivered_);
  ReleaseLocked(leaf, leaf.undelivered_);
  leaves_.back()->place_ = leaf.place_;
  leaves_[leaf.place_] = leaves_.back();
  leaves_.pop_back();
  DetachLocked(leaf);
  return GrantLocked();
}

bool SlotTree::BeginDelivery(const SlotAnswer& answer) {
  MutexLock lock(mutex_);
  if (answer.leaf->closed_) return false;
  if (answer.granted) --answer.leaf->undelivered_;
  return true;
}

std::vector<SlotAnswer> SlotTree::TakeBack(const SlotAnswer& answer) {
  MutexLock lock(mutex_);
  if (answer.leaf->closed_ || !answer.granted) return {};
  --answer.leaf->undelivered_;
  ReleaseLocked(*answer.leaf, 1);
  return GrantLocked();
}

void SlotTree::AttachLocked(SlotShare& share) {
  ++LevelOf(*share.parent_, share.priority_).members;
  share.attached_ = true;
}

void SlotTree::DetachLocked(SlotShare& share) {
  if (!share.attached_) return;
  share.attached_ = false;
  if (share.in_ring_) Unlink(share);
  SlotShare& parent = *share.parent_;
  SlotShare::Level& level = LevelOf(parent, share.priority_);
  if (--level.members == 0) parent.levels_.erase(parent.levels_.begin() + (&level - parent.levels_.data()));
}

void SlotTree::Detach(SlotShare& share) {
  MutexLock lock(mutex_);
  DetachLocked(share);
}

SlotShare::Level& SlotTree::LevelOf(SlotShare& parent, int priority) {
  const auto place = std::find_if(parent.levels_.begin(), parent.levels_.end(),
                                  [&](const SlotShare::Level& level) { return level.priority <= priority; });
  if (place != parent.levels_.end() && place->priority == priority) return *place;
  return *parent.levels_.insert(place, {.priority = priority});
}

void SlotTree::Link(SlotShare& share, uint64_t now) {
  SlotShare::Level& level = LevelOf(*share.parent_, share.priority_);
  share.since_ = now;
  share.before_ = level.last;
  share.after_ = nullptr;
  (level.last != nullptr ? level.last->after_ : level.first) = &share;
  level.last = &share;
  share.in_ring_ = true;
  ++share.parent_->eligible_;
}

void SlotTree::Unlink(SlotShare& share) {
  SlotShare::Level& level = LevelOf(*share.parent_, share.priority_);
  (share.before_ != nullptr ? share.before_->after_ : level.first) = share.after_;
  (share.after_ != nullptr ? share.after_->before_ : level.last) = share.before_;
  share.before_ = share.after_ = nullptr;
  share.in_ring_ = false;
  --share.parent_->eligible_;
}

void SlotTree::UpdateLocked(SlotShare& share) {
  // A leaf's tickets are its waiting_; of an inner node only those count that a child in a ring has.
  bool could = share.levels_.empty() ? share.waiting_ > 0 : share.eligible_ > 0;
  for (SlotShare* node = &share; node->parent_ != nullptr; node = node->parent_.get()) {
    const bool eligible = could && BelowLimit(*node);
    if (eligible != node->in_ring_) eligible ? Link(*node, ++now_) : Unlink(*node);
    could = node->parent_->eligible_ > 0;
  }
}

void SlotTree::AddRunningLocked(SlotShare& share, size_t by) {
  if (share.counts_ != nullptr) {
    share.counts_->taken.fetch_add(by, std::memory_order_relaxed);  // below the root itself
    return;
  }
  for (SlotShare* node = &share; node != &root_; node = node->parent_.get()) node->running_ += by;
}

void SlotTree::AddWaitingLocked(SlotShare& share, size_t by) {
  for (SlotShare* node = &share; node != nullptr; node = node->parent_.get()) node->waiting_ += by;
  UpdateAttentionLocked();
}

void SlotTree::ReleaseLocked(SlotLeaf& leaf, size_t count) {
  COVEY_CHECK(leaf.RunningLocked() >= count);
  if (leaf.counts_ != nullptr) {
    leaf.counts_->returned.fetch_add(count, std::memory_order_relaxed);
  } else {
    AddRunningLocked(leaf, 0 - count);
  }
  counts_.returned.fetch_add(count, std::memory_order_seq_cst);
  if (root_.waiting_ > 0) UpdateLocked(leaf);  // else nothing can be in a ring
  if (counts_.running() == 0) idle_.NotifyAll();
}

size_t SlotTree::ClearLocked(SlotLeaf& leaf) {
  const size_t dropped = leaf.tickets_.Clear();
  AddWaitingLocked(leaf, 0 - dropped);
  UpdateLocked(leaf);
  return dropped;
}

SlotShare& SlotTree::TakeTurnLocked(SlotShare& node) {
  const bool oldest = node.turns_.Oldest();
  SlotShare* child = nullptr;
  for (const SlotShare::Level& level : node.levels_) {
    if (level.first == nullptr) continue;
    if (child == nullptr || level.first->since_ <= child->since_) child = level.first;
    if (!oldest) break;
  }
  if (child->before_ == nullptr && child->after_ == nullptr) {
    child->since_ = ++now_;
  } else {
    Unlink(*child);
    Link(*child, ++now_);
  }
  return *child;
}

std::vector<SlotAnswer> SlotTree::GrantLocked() {
  std::vector<SlotAnswer> grants;
  while (!parked_ && root_.eligible_ > 0 && TakeOfRoot()) {
    SlotShare* node = &root_;
    while (!node->levels_.empty()) node = &TakeTurnLocked(*node);
    SlotLeaf& leaf = static_cast<SlotLeaf&>(*node);
    grants.push_back({.leaf = leaf.shared_from_this(), .ticket = leaf.tickets_.Pop(++now_), .granted = true});
    ++leaf.undelivered_;
    AddRunningLocked(leaf, 1);
    AddWaitingLocked(leaf, static_cast<size_t>(-1));
    UpdateLocked(leaf);
  }
  UpdateAttentionLocked();
  return grants;
}

}  // namespace covey
