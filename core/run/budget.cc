#include "core/run/budget.h"

#include <string_view>
#include <utility>

#include "core/base/check.h"

namespace covey {
namespace {

// "" when `more` fits.
std::string Excess(std::string_view what, uint64_t used, uint64_t more, uint64_t limit) {
  const uint64_t left = used < limit ? limit - used : 0;
  if (limit == 0 || more <= left) return {};
  return std::to_string(more) + " " + std::string(what) + " were asked for, " + std::to_string(left) +
         " of " + std::to_string(limit) + " are free: " + std::to_string(more - left) + " too many";
}

}  // namespace

std::shared_ptr<Budget> Budget::New(std::string name, Amount limit, std::shared_ptr<Budget> parent) {
  return std::shared_ptr<Budget>(new Budget(std::move(name), limit, std::move(parent)));
}

Budget::Budget(std::string name, Amount limit, std::shared_ptr<Budget> parent)
    : name_(std::move(name)), parent_(std::move(parent)), limit_(limit) {}

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
}

Budget::Usage Budget::usage() const {
  MutexLock lock(mutex_);
  return {.used = used_, .limit = limit_};
}

Result<Void> Budget::Take(Amount amount) {
  MutexLock lock(mutex_);
  std::string excess = Excess("tasks", used_.tasks, amount.tasks, limit_.tasks);
  if (excess.empty()) excess = Excess("bytes", used_.bytes, amount.bytes, limit_.bytes);
  if (!excess.empty()) {
    return Error{.code = ErrorCode::kResourceExhausted,
                 .reason = "QUEUE_FULL",
                 .message = name_ + " is full: " + excess,
                 .fields = {}};
  }
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
