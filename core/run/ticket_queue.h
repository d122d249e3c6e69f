#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace covey {

// A FIFO of tickets in which any ticket can be found. A ticket is in it at most once.
//
// Tickets that follow each other in number and in place are kept as one run, so a million tasks that were
// submitted in order cost some hundred bytes; a ticket alone costs about ninety. With r runs a push or pop is
// O(log r), and so are Contains, Erase and Ahead. The runs are the nodes of a treap (Seidel and Aragon 1996)
// in the order of the queue, each with the number of tickets below it.
//
// Thread safety: none.
//
// Invariants:
// 1. No ticket is in two runs.
// 2. by_last_ has exactly one entry for each run, and the treap one node.
// 3. nodes_[kNone] has the sum 0 and stands for no node.
class TicketQueue {
 public:
  size_t size() const { return nodes_.empty() ? 0 : nodes_[root_].sum; }
  bool empty() const { return size() == 0; }

  // Adds the tickets first, first + 1, … at the end. None of them may be in the queue already.
  void PushBack(uint64_t first, uint32_t count);
  // Adds them before all others.
  void PushFront(uint64_t first, uint32_t count);
  // Takes the first ticket. Requires !empty().
  uint64_t Pop();
  // False when it is not in the queue.
  bool Erase(uint64_t ticket);
  void Clear();

  bool Contains(uint64_t ticket) const { return Find(ticket) != kNone; }
  // Whether any of first, first + 1, … is in the queue.
  bool ContainsAny(uint64_t first, uint32_t count) const;
  // How many tickets are before this one; nullopt when it is not in the queue.
  std::optional<size_t> Ahead(uint64_t ticket) const;

 private:
  using Index = uint32_t;  // into nodes_
  static constexpr Index kNone = 0;
  static constexpr size_t kNodesKept = 64;  // by an empty queue

  struct Node {
    uint64_t first = 0;
    size_t sum = 0;  // tickets of this node and of those below it
    uint32_t count = 0;
    uint32_t rank = 0;  // of the heap: never below that of a child
    Index left = kNone;
    Index right = kNone;
    Index parent = kNone;

    uint64_t last() const { return first + count - 1; }
  };

  Index Find(uint64_t ticket) const;
  Index NewNode(uint64_t first, uint32_t count);
  void Remove(Index node);
  // Gives the run another length at its end.
  void Resize(Index node, uint32_t count);
  // Adds to the sums of the node and of all above it.
  void AddToSums(Index node, size_t by);
  // Computes the sum of a node and makes it its children's parent.
  void Pull(Index node);
  Index Merge(Index left, Index right);
  // The first `count` tickets go to `left`, which must end with a run.
  void Split(Index node, size_t count, Index* left, Index* right);
  void SetRoot(Index node);

  std::vector<Node> nodes_;
  std::vector<Index> free_;            // nodes that hold no run
  std::map<uint64_t, Index> by_last_;  // by a run's last ticket, which popping from the front leaves alone
  std::map<uint64_t, Index>::node_type spare_;  // an entry of by_last_ to use again
  Index root_ = kNone;
  uint32_t random_ = 2463534242;  // state of a xorshift (Marsaglia 2003)
};

}  // namespace covey
