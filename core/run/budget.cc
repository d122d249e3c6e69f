#include "core/run/budget.h"

#include <string_view>
#include <utility>

#include "core/base/check.h"
#include "core/base/plural.h"

namespace covey {
namespace {

// One of the two parts of a budget, and what is asked of it.
struct Part {
  std::string_view what;  // as in "task", of which there may be 12
  std::string_view of;    // of what those are: " of tasks", or nothing
  std::string_view key;   // of the setting; empty: none
  uint64_t used;
  uint64_t more;
  uint64_t limit;
};

std::optional<Error> Excess(const std::string& place, const Part& part) {
  const uint64_t left = part.used < part.limit ? part.limit - part.used : 0;
  if (part.limit == 0 || part.more <= left) return std::nullopt;
  const std::string key = part.key.empty() ? std::string() : " (" + std::string(part.key) + ")";
  Error error{.code = ErrorCode::kResourceExhausted, .reason = "QUEUE_FULL"};
  if (part.more > part.limit) {
    error.reason = "QUEUE_TOO_SMALL";
    error.message = place + " is too small: at most " + Plural(part.limit, part.what) + std::string(part.of) +
                    " may wait for a slot, got " + std::to_string(part.more) + " at once" + key;
  } else {
    error.message = place + " is full: " + Plural(part.more, part.what) +
                    (part.more == 1 ? " was" : " were") + " asked for, " + std::to_string(left) + " of " +
                    std::to_string(part.limit) + (left == 1 ? " is" : " are") +
                    " free: " + std::to_string(part.more - left) + " too many" + key;
  }
  return error;
}

}  // namespace

std::shared_ptr<Budget> Budget::New(Names names, Amount limit, std::shared_ptr<Budget> parent) {
  return std::shared_ptr<Budget>(new Budget(std::move(names), limit, std::move(parent)));
}

Budget::Budget(Names names, Amount limit, std::shared_ptr<Budget> parent)
    : names_(std::move(names)), parent_(std::move(parent)), limit_(limit) {}

Result<Reservation> Budget::Reserve(Amount amount) {
  const Result<Void> taken = Take(amount);
  if (!taken.ok()) return taken.error();
  return Reservation(shared_from_this(), amount);
}

Reservation Budget::ReserveAnyway(Amount amount) {
  TakeAnyway(amount);
  return {shared_from_this(), amount};
}

void Budget::SetLimit(Amount limit) {
  MutexLock lock(mutex_);
  limit_ = limit;
  TellWaitersLocked();
}

RoomWait Budget::WhenRoom(Amount amount, std::function<void()> notify) {
  {
    MutexLock lock(mutex_);
    if (RefusalLocked(amount)) {
      const uint64_t id = next_waiter_++;
      waiters_.emplace(id, Waiter{.amount = amount, .notify = std::move(notify)});
      return {shared_from_this(), id};
    }
  }
  if (parent_ != nullptr) return parent_->WhenRoom(amount, std::move(notify));
  notify();
  return {};
}

void Budget::StopWaiting(uint64_t id) {
  MutexLock lock(mutex_);
  waiters_.erase(id);
  TellWaitersLocked();
}

void Budget::TellWaitersLocked() {
  Amount promised;
  for (auto& [id, waiter] : waiters_) {
    promised.tasks += waiter.amount.tasks;
    promised.bytes += waiter.amount.bytes;
    if (RefusalLocked(promised)) return;
    if (waiter.notify) std::exchange(waiter.notify, nullptr)();
  }
}

Budget::Usage Budget::usage() const {
  MutexLock lock(mutex_);
  return {.used = used_, .limit = limit_};
}

std::optional<Error> Budget::RefusalLocked(Amount more) const {
  const Part tasks{"task", "", names_.tasks_key, used_.tasks, more.tasks, limit_.tasks};
  const Part bytes{"byte", " of tasks", names_.bytes_key, used_.bytes, more.bytes, limit_.bytes};
  std::optional<Error> first = Excess(names_.place, tasks);
  std::optional<Error> second = Excess(names_.place, bytes);
  // What will never fit is the one to tell.
  if (first && second && second->reason == "QUEUE_TOO_SMALL") return second;
  return first ? std::move(first) : std::move(second);
}

Result<Void> Budget::Take(Amount amount) {
  MutexLock lock(mutex_);
  if (std::optional<Error> refusal = RefusalLocked(amount)) return *std::move(refusal);
  if (parent_ != nullptr) {
    if (Result<Void> above = parent_->Take(amount); !above.ok()) return above;
  }
  used_.tasks += amount.tasks;
  used_.bytes += amount.bytes;
  return Void{};
}

void Budget::TakeAnyway(Amount amount) {
  MutexLock lock(mutex_);
  if (parent_ != nullptr) parent_->TakeAnyway(amount);
  used_.tasks += amount.tasks;
  used_.bytes += amount.bytes;
}

void Budget::GiveBack(Amount amount) {
  MutexLock lock(mutex_);
  COVEY_CHECK(used_.tasks >= amount.tasks && used_.bytes >= amount.bytes);
  used_.tasks -= amount.tasks;
  used_.bytes -= amount.bytes;
  if (parent_ != nullptr) parent_->GiveBack(amount);
  TellWaitersLocked();
}

RoomWait::RoomWait(std::shared_ptr<Budget> budget, uint64_t id) : budget_(std::move(budget)), id_(id) {}

RoomWait::RoomWait(RoomWait&& other) noexcept : budget_(std::move(other.budget_)), id_(other.id_) {}

RoomWait& RoomWait::operator=(RoomWait&& other) noexcept {
  if (this == &other) return *this;
  Stop();
  budget_ = std::move(other.budget_);
  id_ = other.id_;
  return *this;
}

void RoomWait::Stop() {
  if (budget_ != nullptr) budget_->StopWaiting(id_);
  budget_ = nullptr;
}

Reservation::Reservation(std::shared_ptr<Budget> budget, Budget::Amount amount)
    : budget_(std::move(budget)), amount_(amount) {}

Reservation::Reservation(Reservation&& other) noexcept
    : budget_(std::move(other.budget_)), amount_(std::exchange(other.amount_, {})) {}

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  if (this == &other) return *this;
  Reset();
  budget_ = std::move(other.budget_);
  amount_ = std::exchange(other.amount_, {});
  return *this;
}

void Reservation::Add(Reservation other) {
  COVEY_CHECK(budget_ == nullptr || other.budget_ == nullptr || budget_ == other.budget_);
  if (budget_ == nullptr) budget_ = other.budget_;
  const Budget::Amount more = std::exchange(other.amount_, {});
  other.budget_ = nullptr;
  amount_.tasks += more.tasks;
  amount_.bytes += more.bytes;
}

void Reservation::Release(Budget::Amount part) {
  COVEY_CHECK(amount_.tasks >= part.tasks && amount_.bytes >= part.bytes);
  amount_.tasks -= part.tasks;
  amount_.bytes -= part.bytes;
  if (budget_ != nullptr) budget_->GiveBack(part);
}

void Reservation::Reset() {
  if (budget_ != nullptr) budget_->GiveBack(std::exchange(amount_, {}));
  budget_ = nullptr;
}

}  // namespace covey
