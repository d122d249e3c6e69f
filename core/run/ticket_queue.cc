#include "core/run/ticket_queue.h"

#include <utility>

#include "core/base/check.h"

namespace covey {

void TicketQueue::PushBack(uint64_t first, uint32_t count) {
  if (count == 0) return;
  if (!empty()) {
    Index last = root_;
    while (nodes_[last].right != kNone) last = nodes_[last].right;
    const Node& run = nodes_[last];
    if (first != 0 && run.last() == first - 1 && count <= UINT32_MAX - run.count) {
      Resize(last, run.count + count);
      return;
    }
  }
  const Index node = NewNode(first, count);
  SetRoot(Merge(root_, node));
}

void TicketQueue::PushFront(uint64_t first, uint32_t count) {
  if (count == 0) return;
  const Index node = NewNode(first, count);
  SetRoot(Merge(node, root_));
}

uint64_t TicketQueue::Pop() {
  COVEY_CHECK(!empty());
  Index node = root_;
  while (nodes_[node].left != kNone) node = nodes_[node].left;
  Node& run = nodes_[node];
  const uint64_t ticket = run.first;
  if (run.count == 1) {
    Remove(node);
  } else {
    ++run.first;
    --run.count;
    AddToSums(node, static_cast<size_t>(-1));
  }
  return ticket;
}

bool TicketQueue::Erase(uint64_t ticket) {
  const Index node = Find(ticket);
  if (node == kNone) return false;
  const Node run = nodes_[node];
  if (run.count == 1) {
    Remove(node);
  } else if (ticket == run.first) {
    ++nodes_[node].first;
    --nodes_[node].count;
    AddToSums(node, static_cast<size_t>(-1));
  } else if (ticket == run.last()) {
    Resize(node, run.count - 1);
  } else {
    // What is before it keeps the node; what is after it becomes a run of its own.
    Resize(node, static_cast<uint32_t>(ticket - run.first));
    const size_t before = *Ahead(ticket - 1) + 1;
    const Index rest = NewNode(ticket + 1, static_cast<uint32_t>(run.last() - ticket));
    Index left = kNone;
    Index right = kNone;
    Split(root_, before, &left, &right);
    SetRoot(Merge(Merge(left, rest), right));
  }
  return true;
}

void TicketQueue::Clear() { *this = TicketQueue(); }

bool TicketQueue::ContainsAny(uint64_t first, uint32_t count) const {
  if (count == 0) return false;
  const auto found = by_last_.lower_bound(first);
  return found != by_last_.end() && nodes_[found->second].first <= first + (count - 1);
}

std::optional<size_t> TicketQueue::Ahead(uint64_t ticket) const {
  Index node = Find(ticket);
  if (node == kNone) return std::nullopt;
  size_t ahead = nodes_[nodes_[node].left].sum + static_cast<size_t>(ticket - nodes_[node].first);
  for (Index parent = nodes_[node].parent; parent != kNone; node = parent, parent = nodes_[node].parent) {
    if (nodes_[parent].right == node) ahead += nodes_[nodes_[parent].left].sum + nodes_[parent].count;
  }
  return ahead;
}

TicketQueue::Index TicketQueue::Find(uint64_t ticket) const {
  const auto found = by_last_.lower_bound(ticket);
  return found != by_last_.end() && nodes_[found->second].first <= ticket ? found->second : kNone;
}

TicketQueue::Index TicketQueue::NewNode(uint64_t first, uint32_t count) {
  if (nodes_.empty()) nodes_.emplace_back();  // kNone
  Index node = static_cast<Index>(nodes_.size());
  if (free_.empty()) {
    nodes_.emplace_back();
  } else {
    node = free_.back();
    free_.pop_back();
  }
  random_ ^= random_ << 13;
  random_ ^= random_ >> 17;
  random_ ^= random_ << 5;
  nodes_[node] = {.first = first, .sum = count, .count = count, .rank = random_};
  bool added = false;
  if (spare_.empty()) {
    added = by_last_.emplace(nodes_[node].last(), node).second;
  } else {
    spare_.key() = nodes_[node].last();
    spare_.mapped() = node;
    added = by_last_.insert(std::move(spare_)).inserted;
  }
  COVEY_CHECK(added);
  return node;
}

void TicketQueue::Remove(Index node) {
  spare_ = by_last_.extract(nodes_[node].last());
  const Index below = Merge(nodes_[node].left, nodes_[node].right);
  const Index parent = nodes_[node].parent;
  const size_t count = nodes_[node].count;
  if (parent == kNone) {
    SetRoot(below);
  } else {
    (nodes_[parent].left == node ? nodes_[parent].left : nodes_[parent].right) = below;
    if (below != kNone) nodes_[below].parent = parent;
    AddToSums(parent, 0 - count);
  }
  free_.push_back(node);
  if (root_ == kNone && nodes_.size() > kNodesKept) Clear();
}

void TicketQueue::Resize(Index node, uint32_t count) {
  Node& run = nodes_[node];
  auto entry = by_last_.extract(run.last());
  const size_t more = static_cast<size_t>(count) - run.count;
  run.count = count;
  entry.key() = run.last();
  by_last_.insert(std::move(entry));
  AddToSums(node, more);
}

void TicketQueue::AddToSums(Index node, size_t by) {
  for (; node != kNone; node = nodes_[node].parent) nodes_[node].sum += by;  // modulo 2^64: also less
}

void TicketQueue::Pull(Index node) {
  Node& run = nodes_[node];
  run.sum = run.count + nodes_[run.left].sum + nodes_[run.right].sum;
  if (run.left != kNone) nodes_[run.left].parent = node;
  if (run.right != kNone) nodes_[run.right].parent = node;
}

TicketQueue::Index TicketQueue::Merge(Index left, Index right) {
  if (left == kNone || right == kNone) return left == kNone ? right : left;
  if (nodes_[left].rank > nodes_[right].rank) {
    nodes_[left].right = Merge(nodes_[left].right, right);
    Pull(left);
    return left;
  }
  nodes_[right].left = Merge(left, nodes_[right].left);
  Pull(right);
  return right;
}

void TicketQueue::Split(Index node, size_t count, Index* left, Index* right) {
  if (node == kNone) {
    *left = *right = kNone;
    return;
  }
  const size_t up_to = nodes_[nodes_[node].left].sum + nodes_[node].count;
  Index part = kNone;
  if (up_to <= count) {
    Split(nodes_[node].right, count - up_to, &part, right);
    nodes_[node].right = part;
    *left = node;
  } else {
    Split(nodes_[node].left, count, left, &part);
    nodes_[node].left = part;
    *right = node;
  }
  Pull(node);
}

void TicketQueue::SetRoot(Index node) {
  root_ = node;
  if (node != kNone) nodes_[node].parent = kNone;
}

}  // namespace covey
