#include "core/run/ticket_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <random>

namespace covey {
namespace {

TEST(TicketQueue, RunsOfTicketsAreKeptInOrder) {
  TicketQueue queue;
  EXPECT_TRUE(queue.empty());
  queue.PushBack(10, 3);
  queue.PushBack(13, 2);
  queue.PushFront(5, 2);
  EXPECT_EQ(queue.size(), 7u);
  EXPECT_EQ(queue.Ahead(5), 0u);
  EXPECT_EQ(queue.Ahead(14), 6u);
  EXPECT_EQ(queue.Ahead(15), std::nullopt);
  EXPECT_TRUE(queue.ContainsAny(0, 6));
  EXPECT_FALSE(queue.ContainsAny(7, 3));
  EXPECT_TRUE(queue.Erase(12));
  EXPECT_FALSE(queue.Erase(12));
  EXPECT_EQ(queue.Ahead(14), 5u);
  for (const uint64_t ticket : {5, 6, 10, 11, 13, 14}) EXPECT_EQ(queue.Pop(), ticket);
  EXPECT_TRUE(queue.empty());
}

TEST(TicketQueue, TheLargestNumberDoesNotRunIntoTheSmallest) {
  TicketQueue queue;
  queue.PushBack(UINT64_MAX - 1, 2);
  queue.PushBack(0, 2);
  EXPECT_EQ(queue.Ahead(UINT64_MAX), 1u);
  EXPECT_EQ(queue.Ahead(0), 2u);
  EXPECT_TRUE(queue.Erase(UINT64_MAX));
  for (const uint64_t ticket : {UINT64_MAX - 1, uint64_t{0}, uint64_t{1}}) EXPECT_EQ(queue.Pop(), ticket);
}

// Beside a deque that is searched, over numbers that are dense enough for runs to grow, split and meet.
TEST(TicketQueue, DoesWhatADequeDoes) {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](uint64_t bound) { return random() % bound; };
    TicketQueue queue;
    std::deque<uint64_t> model;
    const uint64_t range = 8 << (seed % 8);
    for (int step = 0; step < 3000; ++step) {
      const uint64_t ticket = below(range);
      const auto count = static_cast<uint32_t>(1 + below(6));
      const auto place = std::find(model.begin(), model.end(), ticket);
      switch (below(6)) {
        case 0:
        case 1: {
          const bool any = std::any_of(model.begin(), model.end(),
                                       [&](uint64_t one) { return one >= ticket && one < ticket + count; });
          ASSERT_EQ(queue.ContainsAny(ticket, count), any);
          if (any) break;
          const bool front = below(3) == 0;
          front ? queue.PushFront(ticket, count) : queue.PushBack(ticket, count);
          for (uint32_t i = 0; i < count; ++i) {
            front ? model.push_front(ticket + count - 1 - i) : model.push_back(ticket + i);
          }
          break;
        }
        case 2:
          ASSERT_EQ(queue.Erase(ticket), place != model.end());
          if (place != model.end()) model.erase(place);
          break;
        case 3:
          if (model.empty()) break;
          ASSERT_EQ(queue.Pop(), model.front());
          model.pop_front();
          break;
        case 4:
          ASSERT_EQ(queue.Contains(ticket), place != model.end());
          if (place == model.end()) break;
          ASSERT_EQ(queue.Ahead(ticket), static_cast<size_t>(place - model.begin()));
          break;
        default:
          if (below(200) != 0) break;
          queue.Clear();
          model.clear();
      }
      ASSERT_EQ(queue.size(), model.size());
    }
    for (const uint64_t ticket : model) ASSERT_EQ(queue.Pop(), ticket);
  }
}

}  // namespace
}  // namespace covey
