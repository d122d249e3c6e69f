// Slots beside a reference that looks at everything each time: random operations on a tree of lanes and
// shares, and after each of them the same tickets granted in the same order, no limit exceeded, and no slot
// free while a ticket could have it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/run/lane.h"
#include "core/run/share.h"
#include "covey/pool.h"
#include "tests/core/base/gate.h"
#include "tests/core/run/lane_testing.h"

namespace covey {
namespace {

struct Grant {
  size_t lane = 0;
  uint64_t ticket = 0;
  bool operator==(const Grant&) const = default;
};

// The reference. Node 0 is the pool.
class Model {
 public:
  struct Node {
    size_t parent = 0;
    bool lane = false;
    bool gone = false;
    uint32_t limit = 0;
    int priority = 0;
    size_t running = 0;
    uint64_t since = 0;
    bool waits = false;  // could take a slot, as of the last look
    uint32_t grants = 0;
    uint32_t own_grants = 0;  // of a lane: among its priorities
    std::map<int, std::vector<uint64_t>, std::greater<>> tickets;
    std::map<int, uint64_t> level_since;
  };

  explicit Model(uint32_t max) { nodes.push_back({.limit = max}); }

  size_t Add(size_t parent, bool lane, uint32_t limit, int priority) {
    nodes.push_back({.parent = parent, .lane = lane, .limit = limit, .priority = priority});
    return nodes.size() - 1;
  }
  bool BelowLimit(size_t node) const {
    return nodes[node].limit == 0 || nodes[node].running < nodes[node].limit;
  }
  // Whether a slot that becomes free above could go there.
  bool Eligible(size_t node) const {
    const Node& it = nodes[node];
    if (it.gone || (node != 0 && !BelowLimit(node))) return false;
    if (it.lane) return !it.tickets.empty();
    for (size_t child = 1; child < nodes.size(); ++child) {
      if (nodes[child].parent == node && Eligible(child)) return true;
    }
    return false;
  }
  bool FreeFor(size_t node) const {
    for (;; node = nodes[node].parent) {
      if (!BelowLimit(node)) return false;
      if (node == 0) return true;
    }
  }
  bool Waits(size_t lane, uint64_t ticket) const {
    for (const auto& [priority, queue] : nodes[lane].tickets) {
      if (std::count(queue.begin(), queue.end(), ticket) > 0) return true;
    }
    return false;
  }
  size_t Waiting(size_t node) const {
    size_t waiting = 0;
    for (const auto& [priority, queue] : nodes[node].tickets) waiting += queue.size();
    for (size_t child = 1; child < nodes.size(); ++child) {
      if (nodes[child].parent == node) waiting += Waiting(child);
    }
    return waiting;
  }
  std::optional<size_t> Ahead(size_t lane, uint64_t ticket) const {
    size_t ahead = 0;
    for (const auto& [priority, queue] : nodes[lane].tickets) {
      for (const uint64_t one : queue) {
        if (one == ticket) return ahead;
        ++ahead;
      }
    }
    return std::nullopt;
  }

  void Push(size_t lane, const std::vector<uint64_t>& tickets, int priority, bool front) {
    for (size_t i = 0; i < tickets.size(); ++i) {
      // From the front the last one goes first: of a ticket that comes twice the last place counts.
      const uint64_t ticket = tickets[front ? tickets.size() - 1 - i : i];
      if (Waits(lane, ticket)) continue;
      if (!nodes[lane].tickets.contains(priority)) nodes[lane].level_since[priority] = ++now;
      std::vector<uint64_t>& queue = nodes[lane].tickets[priority];
      queue.insert(front ? queue.begin() : queue.end(), ticket);
    }
  }
  bool Withdraw(size_t lane, uint64_t ticket) {
    for (auto& [priority, queue] : nodes[lane].tickets) {
      const auto found = std::find(queue.begin(), queue.end(), ticket);
      if (found == queue.end()) continue;
      queue.erase(found);
      if (queue.empty()) nodes[lane].tickets.erase(priority);
      return true;
    }
    return false;
  }
  void AddRunning(size_t node, size_t by) {
    for (;; node = nodes[node].parent) {
      nodes[node].running += by;
      if (node == 0) return;
    }
  }

  // Whoever waits since now is noticed. One path changes at a time, so the order of the nodes means nothing.
  void Look() {
    for (size_t node = 1; node < nodes.size(); ++node) {
      const bool waits = Eligible(node);
      if (waits && !nodes[node].waits) nodes[node].since = ++now;
      nodes[node].waits = waits;
    }
  }
  std::vector<Grant> GrantAll() {
    Look();
    std::vector<Grant> grants;
    while (BelowLimit(0) && Eligible(0)) {
      size_t node = 0;
      while (!nodes[node].lane) {
        const bool oldest = ++nodes[node].grants % 16 == 0;
        size_t best = 0;
        for (size_t child = 1; child < nodes.size(); ++child) {
          if (nodes[child].parent != node || !Eligible(child)) continue;
          const auto rank = [&](size_t one) {
            return std::pair(oldest ? 0 : -nodes[one].priority, nodes[one].since);
          };
          if (best == 0 || rank(child) < rank(best)) best = child;
        }
        nodes[best].since = ++now;
        node = best;
      }
      Node& lane = nodes[node];
      int level = lane.tickets.begin()->first;
      if (++lane.own_grants % 16 == 0) {
        for (const auto& [priority, queue] : lane.tickets) {
          if (lane.level_since[priority] < lane.level_since[level]) level = priority;
        }
      }
      lane.level_since[level] = ++now;
      grants.push_back({node, lane.tickets[level].front()});
      lane.tickets[level].erase(lane.tickets[level].begin());
      if (lane.tickets[level].empty()) lane.tickets.erase(level);
      AddRunning(node, 1);
      Look();
    }
    return grants;
  }

  std::vector<Node> nodes;
  uint64_t now = 0;
};

class BesideTheModel {
 public:
  explicit BesideTheModel(uint32_t seed)
      : random_(seed), max_(Below(6)), model_(max_), pool_(Pool::New(max_)) {
    shares_.push_back(nullptr);
    lanes_.push_back({});
    for (int i = 0; i < 3; ++i) {
      const uint64_t parent = Below(shares_.size());
      const auto limit = static_cast<uint32_t>(Below(4));
      const int priority = Priority();
      const size_t node = model_.Add(parent, false, limit, priority);
      lanes_.push_back({});
      shares_.push_back(Lane::NewShare(*pool_, limit, priority, shares_[parent]));
      EXPECT_EQ(shares_.size(), node + 1);
    }
    for (int i = 0; i < 5; ++i) AddLane();
  }

  ~BesideTheModel() {
    for (size_t node = shares_.size(); node < lanes_.size(); ++node) Close(node);
    EXPECT_EQ(pool_->stats().running, 0u);
    EXPECT_EQ(pool_->waiting(), 0u);
  }

  void Step() {
    const size_t node = shares_.size() + Below(lanes_.size() - shares_.size());
    if (model_.nodes[node].gone) return AddLane();
    Lane& lane = *lanes_[node].lane;
    Model::Node& expected = model_.nodes[node];
    switch (Below(12)) {
      case 0:
      case 1:
      case 2: {
        std::vector<uint64_t> tickets = Tickets(1 + Below(5), Below(40));
        if (Below(3) == 0) std::shuffle(tickets.begin(), tickets.end(), random_);
        const int priority = Priority();
        const bool front = Below(4) == 0;
        model_.Push(node, tickets, priority, front);
        ASSERT_TRUE(lane.Push(tickets, priority, front).ok());
        break;
      }
      case 3:
      case 4:
      case 5:
      case 6: {
        if (expected.running == 0) break;
        const size_t count = 1 + Below(expected.running);
        model_.AddRunning(node, 0 - count);
        lane.Release(count);
        break;
      }
      case 7: {
        size_t got = 0;
        const size_t want = 1 + Below(3);
        while (got < want && expected.tickets.empty() && model_.FreeFor(node)) {
          model_.AddRunning(node, 1);
          ++got;
        }
        ASSERT_EQ(lane.TryAcquire(want), got);
        break;
      }
      case 8: {
        const uint64_t ticket = Below(45);
        ASSERT_EQ(lane.Ahead(ticket), model_.Ahead(node, ticket));
        ASSERT_EQ(lane.Withdraw(ticket), model_.Withdraw(node, ticket));
        break;
      }
      case 9: {
        const auto limit = static_cast<uint32_t>(Below(4));
        const size_t which = Below(3) == 0 ? Below(shares_.size()) : node;
        model_.nodes[which].limit = limit;
        if (which == 0)
          pool_->SetMax(limit);
        else if (which < shares_.size())
          shares_[which]->SetLimit(limit);
        else
          lane.SetLimit(limit);
        break;
      }
      case 10: {
        const size_t which = Below(2) == 0 && shares_.size() > 1 ? 1 + Below(shares_.size() - 1) : node;
        const int priority = Priority();
        if (model_.nodes[which].priority != priority) {
          // It joins the end of its new equals.
          model_.nodes[which].priority = priority;
          model_.nodes[which].waits = false;
        }
        which < shares_.size() ? shares_[which]->SetPriority(priority) : lane.SetPriority(priority);
        break;
      }
      default:
        if (Below(4) == 0) {
          Close(node);
        } else if (Below(3) == 0) {
          model_.AddRunning(node, 2);
          lane.Adopt(2);
        } else if (Below(3) == 0) {
          ASSERT_EQ(lane.Clear(), model_.Waiting(node));
          model_.nodes[node].tickets.clear();
        }
    }
    Compare();
  }

 private:
  struct Place {
    std::shared_ptr<Recorder> owner;
    std::unique_ptr<Lane> lane;
  };

  uint64_t Below(uint64_t bound) { return random_() % bound; }
  int Priority() { return static_cast<int>(Below(3)) - 1; }

  void AddLane() {
    const uint64_t parent = Below(shares_.size());
    const auto limit = static_cast<uint32_t>(Below(4));
    const int priority = Priority();
    const size_t node = model_.Add(parent, true, limit, priority);
    const auto owner = std::make_shared<Recorder>([this, node](uint64_t ticket) {
      granted_.push_back({node, ticket});
    });
    lanes_.push_back(
        {owner,
         std::make_unique<Lane>(
             pool_, owner, Lane::Options{.limit = limit, .priority = priority, .share = shares_[parent]})});
    EXPECT_EQ(lanes_.size(), node + 1);
  }

  // All slots of the lane become free one after the other; then it goes.
  void Close(size_t node) {
    if (model_.nodes[node].gone) return;
    model_.nodes[node].tickets.clear();
    lanes_[node].lane->Clear();
    while (model_.nodes[node].running > 0) {
      model_.AddRunning(node, static_cast<size_t>(-1));
      lanes_[node].lane->Release();
      Compare();
    }
    model_.nodes[node].gone = true;
    lanes_[node].lane = nullptr;
  }

  void Compare() {
    const std::vector<Grant> expected = model_.GrantAll();
    ASSERT_EQ(granted_.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(granted_[i].lane, expected[i].lane) << "grant " << i;
      ASSERT_EQ(granted_[i].ticket, expected[i].ticket) << "grant " << i;
    }
    granted_.clear();
    ASSERT_EQ(pool_->stats().running, model_.nodes[0].running);
    ASSERT_EQ(pool_->waiting(), model_.Waiting(0));
    ASSERT_FALSE(model_.BelowLimit(0) && model_.Eligible(0)) << "a free slot beside a ticket";
    for (size_t node = 1; node < model_.nodes.size(); ++node) {
      if (model_.nodes[node].gone) continue;
      const size_t running = node < shares_.size() ? shares_[node]->running() : lanes_[node].lane->running();
      const size_t waiting = node < shares_.size() ? shares_[node]->waiting() : lanes_[node].lane->waiting();
      ASSERT_EQ(running, model_.nodes[node].running) << node;
      ASSERT_EQ(waiting, model_.Waiting(node)) << node;
    }
  }

  std::mt19937 random_;
  const uint32_t max_;
  Model model_;
  const std::shared_ptr<Pool> pool_;
  std::vector<std::shared_ptr<SlotShare>> shares_;  // by node; the first is the pool
  std::vector<Place> lanes_;                        // by node
  std::vector<Grant> granted_;
};

TEST(SlotModel, RandomOperationsGrantTheSameInTheSameOrder) {
  for (uint32_t seed = 1; seed <= 300 / kFewer; ++seed) {
    BesideTheModel beside(seed);
    for (int step = 0; step < 400; ++step) {
      beside.Step();
      if (testing::Test::HasFatalFailure()) FAIL() << "seed " << seed << ", step " << step;
    }
  }
}

}  // namespace
}  // namespace covey
