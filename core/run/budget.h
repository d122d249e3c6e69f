#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/base/mutex.h"
#include "covey/result.h"

namespace covey {

class Reservation;
class RoomWait;

// What may wait at one place, counted in tasks and in bytes, and within the budget above it: that of a
// namespace within that of the daemon. A reservation holds along the whole chain or not at all.
//
// It is exact: a reservation is refused only when a bound would be exceeded at that instant, and what is in
// use is the sum of the reservations. Each call holds the mutex of a budget while it asks the one above, so
// nothing is taken that has to be given back; with atomics a caller that fails at the top would for a moment
// hold what others are refused for.
//
// Lifetime: held by its reservations and by the budgets below it. Thread safety: all of it. Lock order: a
// budget's mutex before that of its parent; nothing is called under them.
//
// Invariants:
// 1. used <= limit, in tasks and in bytes, but for what was in use when a limit was lowered and for what
//    ReserveAnyway took.
// 2. What is in use here is in use at the parent too.
class Budget : public std::enable_shared_from_this<Budget> {
 public:
  struct Amount {
    uint64_t tasks = 0;
    uint64_t bytes = 0;
    bool operator==(const Amount&) const = default;
  };
  struct Usage {
    Amount used;
    Amount limit;  // 0: no bound
  };
  // For messages: what it is, as in "the queue of namespace build", and the settings that bound it, if any.
  struct Names {
    std::string place;
    std::string tasks_key{};
    std::string bytes_key{};
  };

  // A limit of 0 is no bound. `parent` may be null.
  static std::shared_ptr<Budget> New(Names names, Amount limit, std::shared_ptr<Budget> parent = nullptr);
  static std::shared_ptr<Budget> New(std::string place, Amount limit,
                                     std::shared_ptr<Budget> parent = nullptr) {
    return New(Names{.place = std::move(place)}, limit, std::move(parent));
  }
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  // All of it, or kResourceExhausted, which names the budget and the bound, and by how much it is exceeded:
  // QUEUE_TOO_SMALL when it would be in an empty one as well, so that waiting is of no use. Budgets are asked
  // from this one upward; the first that has no room answers.
  Result<Reservation> Reserve(Amount amount);
  // For what is there already, after a restart: never refused.
  Reservation ReserveAnyway(Amount amount);

  // Calls `notify` once when there may be room for `amount`: at once, or when enough was given back, those who
  // asked first being told first. Another one may be quicker to reserve it: then ask again. Until the answer
  // is destroyed. `notify` is called from any thread, with locks of whoever gives back: it takes none of them.
  [[nodiscard]] RoomWait WhenRoom(Amount amount, std::function<void()> notify) COVEY_EXCLUDES(mutex_);

  // Takes effect at once; with a lower one nothing is refused that is in use.
  void SetLimit(Amount limit) COVEY_EXCLUDES(mutex_);
  Usage usage() const COVEY_EXCLUDES(mutex_);
  const std::string& name() const { return names_.place; }

 private:
  friend class Reservation;
  friend class RoomWait;

  struct Waiter {
    Amount amount;
    std::function<void()> notify;  // empty: it was told, and may be about to reserve
  };

  Budget(Names names, Amount limit, std::shared_ptr<Budget> parent);

  Result<Void> Take(Amount amount) COVEY_EXCLUDES(mutex_);
  void TakeAnyway(Amount amount) COVEY_EXCLUDES(mutex_);
  void GiveBack(Amount amount) COVEY_EXCLUDES(mutex_);
  void StopWaiting(uint64_t id) COVEY_EXCLUDES(mutex_);
  // Tells those who wait for room that is there now, as long as those before them leave some.
  void TellWaitersLocked() COVEY_REQUIRES(mutex_);
  // Why `more` does not fit, in one of its two parts.
  std::optional<Error> RefusalLocked(Amount more) const COVEY_REQUIRES(mutex_);

  const Names names_;
  const std::shared_ptr<Budget> parent_;

  mutable Mutex mutex_;
  Amount limit_ COVEY_GUARDED_BY(mutex_);
  Amount used_ COVEY_GUARDED_BY(mutex_);
  uint64_t next_waiter_ COVEY_GUARDED_BY(mutex_) = 1;
  std::map<uint64_t, Waiter> waiters_ COVEY_GUARDED_BY(mutex_);  // in the order of their calls
};

// A wait for room in a budget, withdrawn at the end of its life. Best kept until the reservation that it waited
// for was made or refused: those behind it are told then what is left. Thread safety: none.
class RoomWait {
 public:
  RoomWait() = default;
  ~RoomWait() { Stop(); }
  RoomWait(RoomWait&& other) noexcept;
  RoomWait& operator=(RoomWait&& other) noexcept;
  RoomWait(const RoomWait&) = delete;
  RoomWait& operator=(const RoomWait&) = delete;

 private:
  friend class Budget;

  RoomWait(std::shared_ptr<Budget> budget, uint64_t id);
  void Stop();

  std::shared_ptr<Budget> budget_;  // null: none
  uint64_t id_ = 0;
};

// Part of a budget, given back at the end of its life. An empty one holds nothing.
//
// Thread safety: none.
class Reservation {
 public:
  Reservation() = default;
  ~Reservation() { Reset(); }
  Reservation(Reservation&& other) noexcept;
  Reservation& operator=(Reservation&& other) noexcept;
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;

  Budget::Amount amount() const { return amount_; }
  // Takes over what `other` holds, which is of the same budget, or empty.
  void Add(Reservation other);
  // Gives a part back. Requires that so much is held.
  void Release(Budget::Amount part);
  // Gives all of it back.
  void Reset();

 private:
  friend class Budget;

  Reservation(std::shared_ptr<Budget> budget, Budget::Amount amount);

  std::shared_ptr<Budget> budget_;  // null: empty
  Budget::Amount amount_;
};

}  // namespace covey
