#include "core/run/lane.h"

#include <utility>
#include <vector>

#include "core/run/delivery.h"
#include "covey/pool.h"

namespace covey {

std::shared_ptr<SlotShare> Lane::NewShare(Pool& pool, uint32_t limit, int priority,
                                          std::shared_ptr<SlotShare> parent) {
  return pool.slots_->NewShare(std::move(parent), limit, priority);
}

Lane::Lane(std::shared_ptr<Pool> pool, std::weak_ptr<LaneOwner> owner, Options options)
    : pool_(std::move(pool)),
      leaf_(pool_->slots_->NewLeaf(std::move(options.share), options.limit, options.priority,
                                   std::move(owner), options.counts)) {}

Lane::Lane(std::shared_ptr<Pool> pool, std::weak_ptr<LaneOwner> owner, uint32_t limit)
    : Lane(std::move(pool), std::move(owner), Options{.limit = limit}) {}

Lane::~Lane() { Deliver(leaf_->tree().CloseLeaf(*leaf_)); }

size_t Lane::TryAcquire(size_t count) { return leaf_->tree().TryAcquire(*leaf_, count); }

void Lane::Adopt(size_t count) { leaf_->tree().Adopt(*leaf_, count); }

Status Lane::Push(std::span<const uint64_t> tickets, int priority, bool front) {
  std::optional<std::vector<SlotAnswer>> answers = leaf_->tree().Push(*leaf_, tickets, priority, front);
  if (!answers) return ErrClosed();
  Deliver(std::move(*answers));
  return Status::Ok();
}

void Lane::Release(size_t count) {
  const std::shared_ptr<SlotLeaf> leaf = leaf_;  // a caller that sees the slot free may destroy the lane
  Deliver(leaf->tree().Release(*leaf, count));
}

void Lane::Settle() {
  const std::shared_ptr<SlotLeaf> leaf = leaf_;
  Deliver(leaf->tree().Settle(leaf.get()));
}

size_t Lane::Clear() { return leaf_->tree().Clear(*leaf_); }

bool Lane::Withdraw(uint64_t ticket) { return leaf_->tree().Withdraw(*leaf_, ticket); }

void Lane::SetLimit(uint32_t limit) { leaf_->SetLimit(limit); }

void Lane::SetPriority(int priority) { leaf_->SetPriority(priority); }

size_t Lane::running() const { return leaf_->running(); }

size_t Lane::waiting() const { return leaf_->waiting(); }

std::optional<size_t> Lane::Ahead(uint64_t ticket) const { return leaf_->tree().Ahead(*leaf_, ticket); }

}  // namespace covey
