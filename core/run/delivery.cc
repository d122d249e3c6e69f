#include "core/run/delivery.h"

#include <cstddef>
#include <iterator>
#include <memory>
#include <utility>

#include "core/run/lane.h"

namespace covey {
namespace {

constexpr size_t kKept = 64;  // room for so many answers

struct Outbox {
  bool delivering = false;
  std::vector<SlotAnswer> pending;
};

thread_local Outbox outbox;

void DeliverOne(const SlotAnswer& answer) {
  SlotTree& tree = answer.leaf->tree();
  const std::shared_ptr<LaneOwner> owner = answer.leaf->owner();
  if (owner == nullptr) {
    Deliver(tree.TakeBack(answer));
  } else if (tree.BeginDelivery(answer)) {
    answer.granted ? owner->OnGranted(answer.ticket) : owner->OnRefused(answer.ticket);
  }
}

}  // namespace

void Deliver(std::vector<SlotAnswer> answers) {
  if (answers.empty()) return;
  if (outbox.delivering) {
    outbox.pending.insert(outbox.pending.end(), std::make_move_iterator(answers.begin()),
                          std::make_move_iterator(answers.end()));
    return;
  }
  outbox.delivering = true;
  while (!answers.empty()) {
    for (const SlotAnswer& answer : answers) DeliverOne(answer);
    answers.clear();
    answers.swap(outbox.pending);
  }
  outbox.delivering = false;
  if (outbox.pending.capacity() > kKept) outbox.pending = {};
}

}  // namespace covey
