#include "core/run/share.h"

#include <algorithm>
#include <utility>

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
                   std::weak_ptr<LaneOwner> owner)
    : SlotShare(tree, std::move(parent), limit, priority), owner_(std::move(owner)) {}

SlotTree::SlotTree(uint32_t max, bool parked) : root_(*this, nullptr, max, 0), parked_(parked) {}

std::shared_ptr<SlotShare> SlotTree::NewShare(std::shared_ptr<SlotShare> parent, uint32_t limit,
                                              int priority) {
  std::shared_ptr<SlotShare> share(new SlotShare(*this, ParentOrRoot(std::move(parent)), limit, priority));
  MutexLock lock(mutex_);
  AttachLocked(*share);
  return share;
}

std::shared_ptr<SlotLeaf> SlotTree::NewLeaf(std::shared_ptr<SlotShare> parent, uint32_t limit, int priority,
                                            std::weak_ptr<LaneOwner> owner) {
  std::shared_ptr<SlotLeaf> leaf(
      new SlotLeaf(*this, ParentOrRoot(std::move(parent)), limit, priority, std::move(owner)));
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

size_t SlotTree::TryAcquire(SlotLeaf& leaf, size_t count) {
  MutexLock lock(mutex_);
  if (closed_ || parked_ || !leaf.tickets_.empty()) return 0;
  // Nobody is overtaken: while a slot is free for this leaf no ticket of another could have it (invariant 3).
  size_t got = count;
  for (const SlotShare* node = &leaf; node != nullptr; node = node->parent_.get()) {
    if (node->limit_ == 0) continue;
    got = std::min(got, node->running_ < node->limit_ ? node->limit_ - node->running_ : 0);
  }
  if (got == 0) return 0;
  AddRunningLocked(leaf, got);  // for the same reason no node of this path is in a ring
  return got;
}

void SlotTree::Adopt(SlotLeaf& leaf, size_t count) {
  MutexLock lock(mutex_);
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
  return GrantLocked();
}

std::vector<SlotAnswer> SlotTree::Unpark() {
  MutexLock lock(mutex_);
  parked_ = false;
  return GrantLocked();
}

size_t SlotTree::running(const SlotShare& share) const {
  MutexLock lock(mutex_);
  return share.running_;
}

size_t SlotTree::waiting(const SlotShare& share) const {
  MutexLock lock(mutex_);
  return share.waiting_;
}

SlotTree::Stats SlotTree::stats() const {
  MutexLock lock(mutex_);
  return {.max = root_.limit_, .running = root_.running_, .waiting = root_.waiting_, .closed = closed_};
}

std::optional<std::vector<SlotAnswer>> SlotTree::Close() {
  std::vector<SlotAnswer> refusals;
  MutexLock lock(mutex_);
  if (closed_) return std::nullopt;
  closed_ = true;
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

void SlotTree::WaitUntilIdle() {
  MutexLock lock(mutex_);
  while (root_.running_ > 0) idle_.Wait(mutex_);
}

std::vector<SlotAnswer> SlotTree::CloseLeaf(SlotLeaf& leaf) {
  MutexLock lock(mutex_);
  ClearLocked(leaf);
  leaf.closed_ = true;
  COVEY_CHECK(leaf.running_ == leaf.undelivered_);
  ReleaseLocked(leaf, leaf.running_);
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
  for (SlotShare* node = &share; node != nullptr; node = node->parent_.get()) node->running_ += by;
}

void SlotTree::AddWaitingLocked(SlotShare& share, size_t by) {
  for (SlotShare* node = &share; node != nullptr; node = node->parent_.get()) node->waiting_ += by;
}

void SlotTree::ReleaseLocked(SlotLeaf& leaf, size_t count) {
  COVEY_CHECK(leaf.running_ >= count);
  AddRunningLocked(leaf, 0 - count);
  if (root_.waiting_ > 0) UpdateLocked(leaf);  // else nothing can be in a ring
  if (root_.running_ == 0) idle_.NotifyAll();
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
  while (!parked_ && root_.eligible_ > 0 && BelowLimit(root_)) {
    SlotShare* node = &root_;
    while (!node->levels_.empty()) node = &TakeTurnLocked(*node);
    SlotLeaf& leaf = static_cast<SlotLeaf&>(*node);
    grants.push_back({.leaf = leaf.shared_from_this(), .ticket = leaf.tickets_.Pop(++now_), .granted = true});
    ++leaf.undelivered_;
    AddWaitingLocked(leaf, static_cast<size_t>(-1));
    AddRunningLocked(leaf, 1);
    UpdateLocked(leaf);
  }
  return grants;
}

}  // namespace covey
