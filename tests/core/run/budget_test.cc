#include "core/run/budget.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "tests/core/base/gate.h"

namespace covey {
namespace {

using Amount = Budget::Amount;

TEST(Budget, HoldsWhatIsReservedUntilTheReservationEnds) {
  const auto budget = Budget::New("the queue", {.tasks = 10, .bytes = 100});
  {
    Result<Reservation> part = budget->Reserve({.tasks = 4, .bytes = 40});
    ASSERT_TRUE(part.ok());
    EXPECT_EQ(budget->usage().used, (Amount{.tasks = 4, .bytes = 40}));
    part.value().Release({.tasks = 1, .bytes = 15});
    EXPECT_EQ(budget->usage().used, (Amount{.tasks = 3, .bytes = 25}));
    Reservation moved = std::move(part.value());
    EXPECT_EQ(part.value().amount(), Amount{});
    Result<Reservation> more = budget->Reserve({.tasks = 7, .bytes = 75});
    ASSERT_TRUE(more.ok()) << "up to the bound";
    moved.Add(std::move(more.value()));
    EXPECT_EQ(moved.amount(), (Amount{.tasks = 10, .bytes = 100}));
    EXPECT_EQ(budget->usage().used, (Amount{.tasks = 10, .bytes = 100}));
    moved = Reservation();
    EXPECT_EQ(budget->usage().used, Amount{}) << "what is assigned over is given back";
    ASSERT_TRUE(budget->Reserve({.tasks = 1}).ok());
  }
  EXPECT_EQ(budget->usage().used, Amount{});
}

TEST(Budget, ARefusalNamesTheBoundAndTheExcessAndTakesNothing) {
  const auto all = Budget::New("the queue", {.tasks = 100, .bytes = 1000});
  const auto build = Budget::New("the queue of namespace build", {.tasks = 10}, all);
  Result<Reservation> held = build->Reserve({.tasks = 8, .bytes = 900});
  ASSERT_TRUE(held.ok());

  const Result<Reservation> tasks = build->Reserve({.tasks = 5, .bytes = 1});
  ASSERT_FALSE(tasks.ok());
  EXPECT_EQ(tasks.error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(tasks.error().reason, "QUEUE_FULL");
  EXPECT_EQ(tasks.error().message,
            "the queue of namespace build is full: 5 tasks were asked for, 2 of 10 are free: 3 too many");

  const Result<Reservation> bytes = build->Reserve({.tasks = 2, .bytes = 150});
  ASSERT_FALSE(bytes.ok());
  EXPECT_EQ(bytes.error().message,
            "the queue is full: 150 bytes were asked for, 100 of 1000 are free: 50 too many");

  const Result<Reservation> never = build->Reserve({.tasks = 11, .bytes = 150});
  ASSERT_FALSE(never.ok());
  EXPECT_EQ(never.error().reason, "QUEUE_TOO_SMALL") << "waiting is of no use";
  EXPECT_EQ(
      never.error().message,
      "the queue of namespace build is too small: at most 10 tasks may wait for a slot, got 11 at once");
  const auto small = Budget::New({.place = "the queue", .tasks_key = "a", .bytes_key = "b"}, {1, 10});
  const Result<Reservation> one = small->Reserve({.tasks = 1});
  EXPECT_EQ(small->Reserve({.tasks = 1, .bytes = 11}).error().message,
            "the queue is too small: at most 10 bytes of tasks may wait for a slot, got 11 at once (b)");

  EXPECT_EQ(build->usage().used, (Amount{.tasks = 8, .bytes = 900}));
  EXPECT_EQ(all->usage().used, (Amount{.tasks = 8, .bytes = 900}));
  held.value().Reset();
  held.value().Reset();
  EXPECT_EQ(build->usage().used, Amount{});
  EXPECT_EQ(all->usage().used, Amount{});
}

TEST(Budget, LimitsCanBeChangedWhileInUse) {
  const auto budget = Budget::New("the queue", {.tasks = 4});
  Result<Reservation> held = budget->Reserve({.tasks = 4, .bytes = 1u << 30});
  ASSERT_TRUE(held.ok()) << "0 bytes: no bound";
  budget->SetLimit({.tasks = 2});
  EXPECT_EQ(budget->usage().used.tasks, 4u) << "what is in use stays";
  const Result<Reservation> refused = budget->Reserve({.tasks = 1});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message, "the queue is full: 1 task was asked for, 0 of 2 are free: 1 too many");
  EXPECT_TRUE(budget->Reserve({}).ok()) << "nothing always fits";
  budget->SetLimit({});
  EXPECT_TRUE(budget->Reserve({.tasks = 1u << 20}).ok());
}

TEST(Budget, WhatIsThereAlreadyIsNeverRefused) {
  const auto all = Budget::New("all", {.tasks = 1});
  const auto part = Budget::New("part", {.tasks = 1}, all);
  const Reservation recovered = part->ReserveAnyway({.tasks = 5, .bytes = 7});
  EXPECT_EQ(all->usage().used, (Amount{.tasks = 5, .bytes = 7}));
  EXPECT_FALSE(part->Reserve({.tasks = 1}).ok());
}

TEST(Budget, IsHeldByItsReservations) {
  auto all = Budget::New("all", {.tasks = 1});
  Result<Reservation> held = Budget::New("part", {}, all)->Reserve({.tasks = 1});
  ASSERT_TRUE(held.ok());
  EXPECT_EQ(all->usage().used.tasks, 1u);
  held.value().Reset();
  EXPECT_EQ(all->usage().used.tasks, 0u);
}

// Three budgets below one; each thread reserves and gives back at random. At no instant more is in use than
// the bounds allow, and in the end nothing is.
TEST(Budget, IsExactAmongThreads) {
  constexpr uint64_t kTop = 12;
  constexpr uint64_t kEach = 6;
  const auto top = Budget::New("top", {.tasks = kTop, .bytes = 10 * kTop});
  std::vector<std::shared_ptr<Budget>> parts;
  for (int i = 0; i < 3; ++i) parts.push_back(Budget::New("part", {.tasks = kEach}, top));
  std::atomic<uint64_t> granted = 0;
  std::atomic<int64_t> held = 0;
  std::atomic<int64_t> most = 0;
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      std::vector<Reservation> mine;
      const auto give_back = [&] {
        held -= static_cast<int64_t>(mine.back().amount().tasks);  // before they are free
        mine.pop_back();
      };
      for (int i = 0; i < 20000 / kFewer; ++i) {
        if (!mine.empty() && random() % 2 == 0) {
          give_back();
          continue;
        }
        const uint64_t tasks = 1 + random() % 3;
        Result<Reservation> got = parts[t % 3]->Reserve({.tasks = tasks, .bytes = 10 * tasks});
        if (!got.ok()) continue;
        const int64_t now = held += static_cast<int64_t>(tasks);
        for (int64_t seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        granted += tasks;
        mine.push_back(std::move(got.value()));
      }
      while (!mine.empty()) give_back();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(granted, 0u);
  EXPECT_LE(most, static_cast<int64_t>(kTop));
  EXPECT_EQ(top->usage().used, Amount{});
  for (const auto& part : parts) EXPECT_EQ(part->usage().used, Amount{});
}

// Two callers for the last place: one gets it, whatever the other one fails at above.
TEST(Budget, AFailureAboveRefusesNobodyBelow) {
  for (int round = 0; round < 500 / kFewer; ++round) {
    const auto top = Budget::New("top", {.tasks = 5});
    const auto part = Budget::New("part", {.tasks = 8}, top);
    Gate start(2);
    bool fits = false;
    std::thread big([&] {
      start.OpenAndWait();
      EXPECT_FALSE(part->Reserve({.tasks = 6}).ok()) << "never fits above";
    });
    std::thread small([&] {
      start.OpenAndWait();
      fits = part->Reserve({.tasks = 5}).ok();
    });
    big.join();
    small.join();
    EXPECT_TRUE(fits);
  }
}

TEST(Budget, WhoeverWaitsForRoomIsToldInTurn) {
  const auto budget = Budget::New("the queue", {.tasks = 10});
  int at_once = 0;
  RoomWait none = budget->WhenRoom({.tasks = 10}, [&] { ++at_once; });
  EXPECT_EQ(at_once, 1);
  Result<Reservation> held = budget->Reserve({.tasks = 10});
  int first = 0;
  int second = 0;
  int third = 0;
  RoomWait wait_first = budget->WhenRoom({.tasks = 4}, [&] { ++first; });
  RoomWait wait_second = budget->WhenRoom({.tasks = 3}, [&] { ++second; });
  const RoomWait wait_third = budget->WhenRoom({.tasks = 1}, [&] { ++third; });
  held.value().Release({.tasks = 3});
  EXPECT_EQ(first + second + third, 0) << "the first one is not overtaken by those that would fit";
  held.value().Release({.tasks = 1});
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 0) << "the room is promised";
  held.value().Release({.tasks = 3});
  EXPECT_EQ(second, 1);
  EXPECT_EQ(third, 0);
  wait_second = RoomWait();  // goes without a reservation
  EXPECT_EQ(third, 1);
  EXPECT_EQ(first, 1) << "each is told once";
}

TEST(Budget, AHigherLimitAndTheBudgetAboveGiveRoomToo) {
  const auto all = Budget::New("the queue", {.tasks = 5});
  const auto build = Budget::New("the queue of namespace build", {.tasks = 2}, all);
  const Result<Reservation> held = build->Reserve({.tasks = 2});
  Result<Reservation> other = all->Reserve({.tasks = 3});
  int told = 0;
  RoomWait wait = build->WhenRoom({.tasks = 2}, [&] { ++told; });
  build->SetLimit({.tasks = 4});
  EXPECT_EQ(told, 1);
  wait = build->WhenRoom({.tasks = 2}, [&] { ++told; });
  EXPECT_EQ(told, 1) << "the one above is full";
  other.value().Reset();
  EXPECT_EQ(told, 2);
}

TEST(Budget, OneThatWaitsNoMoreIsNotTold) {
  const auto budget = Budget::New("the queue", {.tasks = 1});
  Result<Reservation> held = budget->Reserve({.tasks = 1});
  int told = 0;
  {
    const RoomWait gone = budget->WhenRoom({.tasks = 1}, [&] { ++told; });
  }
  held.value().Reset();
  EXPECT_EQ(told, 0);
}

}  // namespace
}  // namespace covey
