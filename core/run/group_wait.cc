// How a group is waited for: who comes, who leaves, and who is told. Also what may block on the way in.

#include <algorithm>
#include <string>
#include <utility>

#include "core/base/spin.h"
#include "core/run/current.h"
#include "core/run/delivery.h"
#include "core/run/group_contexts.h"
#include "core/run/group_impl.h"
#include "core/run/misuse.h"

namespace covey {
namespace {

constinit SpinBudget for_end{std::chrono::microseconds(30), /*one=*/false};
constexpr int kLooksBetweenTakes = 64;

std::optional<Context::Clock::time_point> Earlier(std::optional<Context::Clock::time_point> a,
                                                  std::optional<Context::Clock::time_point> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

}  // namespace

// ---- a Go that may block

// The call, as the one that waits for a slot.
class Group::Impl::Going final : public BlockingLane::Caller {
 public:
  Going(Impl& group, detail::TaskNode& task) : node(task), group_(group) {}
  void OnSlot() override { refusal = group_.Admit(*this); }

  detail::TaskNode& node;
  Status refusal;  // with a slot

 private:
  Impl& group_;
};

// One that waits for a slot, as long as it lives.
class Group::Impl::Waiting {
 public:
  explicit Waiting(Impl& group)
      : group_(group),
        holds_(ChecksDeadlocks() && Current::Holds(group.slots_)),
        own_(ChecksDeadlocks() && Current::In(&group) ? kTask + 1 : 1),
        waiting_(group.waiting_.fetch_add(own_) + own_) {
    if (holds_) holders_ = group_.slots_.AddBlockedHolders(1);
  }
  ~Waiting() {
    group_.waiting_.fetch_sub(own_);
    if (holds_) group_.slots_.AddBlockedHolders(-1);
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  Status Refusal(bool waits) const {
    if (!waits) return Status::Ok();
    const uint32_t most = group_.options_.max_waiting;
    if (most != 0 && waiting_ % kTask > most) {
      return Refused("max_waiting is " + std::to_string(most) + ", and so many calls of Go wait for a slot");
    }
    const uint32_t max = group_.slots_.max();
    if (holds_ && max != 0 && holders_ >= max) {
      return Refused("deadlock: each of the " + std::to_string(max) +
                     " tasks that hold a slot of the pool waits for another slot");
    }
    const uint32_t limit = group_.options_.limit;
    if (own_ != 1 && limit != 0 && waiting_ / kTask >= limit && group_.limited_.load()) {
      return Refused("deadlock: each of the " + std::to_string(limit) +
                     " tasks that the group may have at once waits for another one");
    }
    return Status::Ok();
  }

 private:
  // The calls of waiting_ that are made by tasks of the group are counted in its upper half too.
  static constexpr uint32_t kTask = 1U << 16;

  static Status Refused(std::string message) {
    return Failure{.kind = FailureKind::kRejected,
                   .code = static_cast<int32_t>(Rejection::kDispatchTimeout),
                   .message = std::move(message)};
  }

  Impl& group_;
  const bool holds_;
  const uint32_t own_;
  const uint32_t waiting_;
  uint32_t holders_ = 0;
};

Status Group::Impl::GoBlocking(detail::TaskNode& node, const TaskOptions& options, bool waits) {
  {
    MutexLock lock(mutex_);
    if (state_.decided || state_.sealed) return RefusalLocked();
  }
  Going going(*this, node);
  Status status = Acquire(going, options, waits);
  if (status.ok() || Is(status, Rejection::kSealed) || Is(status, Rejection::kDecided)) return status;
  MutexLock lock(mutex_);
  if (state_.decided) return RefusalLocked();
  // Whoever says how long it may take looks at the answer.
  if (waits && !options.start_by && refused_.ok()) refused_ = status;
  return status;
}

Status Group::Impl::Acquire(Going& going, const TaskOptions& options, bool waits) {
  if (waits && !limited_.load(std::memory_order_relaxed)) {
    bool taken = false;
    Spin spin(slots_.looks().Begin());
    while (!slots_.attention() && !refuses_.load(std::memory_order_relaxed)) {
      std::vector<SlotAnswer> answers;
      taken = slots_.TryTake(counts_, &answers);
      Deliver(std::move(answers));
      if (taken || !spin.Again()) break;
    }
    slots_.looks().Note(taken);
    if (taken) {
      going.OnSlot();
      if (!going.refusal.ok()) ReturnSlot();
      return going.refusal;
    }
  }
  const Waiting waiting(*this);
  if (Status status = waiting.Refusal(waits); !status.ok()) return status;
  const std::optional<Context::Clock::time_point> until =
      waits ? options.start_by : std::optional(Context::Clock::time_point::min());
  const Context& own = context();
  Status status = EnsureLane().Acquire(own, &going, until);
  if (status.ok()) {
    if (!going.refusal.ok()) ReturnSlot();
    return going.refusal;
  }
  // A task may have ended the context by itself: then this makes it the group's end.
  if (own.done()) Cancel(own.cause().failure());
  return status;
}

Status Group::Impl::Admit(Going& going) {
  if (refuses_.load(std::memory_order_seq_cst)) {
    MutexLock lock(mutex_);
    if (state_.decided || state_.sealed) return RefusalLocked();
  }
  Enter();  // the task; the call is counted until it returns
  HandOver(going.node);
  return Status::Ok();
}

BlockingLane& Group::Impl::EnsureLane() {
  if (BlockingLane* const lane = lane_.load(std::memory_order_acquire)) return *lane;
  auto lane = std::make_unique<BlockingLane>(pool_, options_.limit, &counts_);
  MutexLock lock(mutex_);
  if (kept_lane_ == nullptr) {
    kept_lane_ = std::move(lane);
    lane_.store(kept_lane_.get(), std::memory_order_release);
  }
  return *kept_lane_;
}

void Group::Impl::SetLimit(uint32_t limit) {
  EnsureLane().SetLimit(limit);
  limited_.store(limit != 0, std::memory_order_relaxed);
}

// ---- coming and leaving

void Group::Impl::Leave() {
  uint64_t left = left_.load(std::memory_order_relaxed);
  while ((left & kAwaited) == 0 || entered_.load(std::memory_order_seq_cst) != (left >> 1) + 1) {
    if (left_.compare_exchange_weak(left, left + kOne, std::memory_order_seq_cst)) return;
  }
  // Perhaps the last. With the lock held: who waits may destroy the group as soon as it sees that all is over.
  MutexLock lock(mutex_);
  left_.fetch_add(kOne, std::memory_order_seq_cst);
  const bool tell = TrySealLocked();
  if (!tell && OverLocked()) over_.NotifyAll();
  lock.Unlock();
  if (tell) TellTasks();
}

void Group::Impl::TellTasks() {
  const Context* own = nullptr;
  Status outcome;
  {
    MutexLock lock(mutex_);
    outcome = outcome_;
    own = context_.load(std::memory_order_relaxed);
  }
  own->Cancel(outcome.ok() ? Failure{.kind = FailureKind::kCancelled, .message = "the group has succeeded"}
                           : outcome.failure());
  Leave();
}

void Group::Impl::Help() {
  Spin spin(for_end.Begin());
  int looks = 0;
  do {
    if (helps_ && looks++ % kLooksBetweenTakes == 0) {
      while (WorkItem* const work = threads_.Take(this)) {
        work->run(*work);
        spin.Restart();
      }
    }
    if (entered_.load(std::memory_order_seq_cst) == Left()) return for_end.Note(true);
  } while (spin.Again());
  for_end.Note(false);
}

Status Group::Impl::Wait() {
  if (Current::In(this))
    return Status::Error("a task waits for its own group: it would wait for itself for ever");
  Help();
  return *WaitUntil(std::nullopt, nullptr);
}

std::optional<Status> Group::Impl::WaitUntil(std::optional<Context::Clock::time_point> until,
                                             const Context* context) {
  if (Current::In(this))
    return Status::Error("a task waits for its own group: it would wait for itself for ever");
  Context::Registration given_up;
  if (context != nullptr) {
    given_up = context->OnDone([this] {
      MutexLock lock(mutex_);
      over_.NotifyAll();
    });
  }
  MutexLock lock(mutex_);
  ++waits_;
  left_.fetch_or(kAwaited, std::memory_order_seq_cst);
  if (TrySealLocked()) {
    lock.Unlock();
    TellTasks();
    lock.Lock();
  }
  while (!OverLocked()) {
    if ((until && Context::Clock::now() >= *until) || (context != nullptr && context->done())) {
      --waits_;
      return std::nullopt;
    }
    if (until) {
      over_.WaitUntil(mutex_, *until);
    } else {
      over_.Wait(mutex_);
    }
  }
  Status outcome = outcome_;
  const std::exception_ptr exception = exception_;
  lock.Unlock();
  given_up.Reset();
  if (exception != nullptr && outcome.kind() == FailureKind::kPanic) std::rethrow_exception(exception);
  return outcome;
}

void Group::Impl::Destroy() {
  if (Current::In(this))
    EndForMisuse("a group is destroyed by one of its own tasks: it would wait for itself for ever");
  {
    MutexLock lock(mutex_);
    exception_ = nullptr;  // nobody is there to throw it to
    if (waits_ > 0 && OverLocked()) return;
  }
  Cancel({.kind = FailureKind::kCancelled, .message = "the group was destroyed"});
  Help();
  MutexLock lock(mutex_);
  ++waits_;
  left_.fetch_or(kAwaited, std::memory_order_seq_cst);
  while (!OverLocked()) over_.Wait(mutex_);
}

bool Group::Impl::Reopen() {
  std::unique_ptr<Contexts> ended;  // without the lock
  {
    MutexLock lock(mutex_);
    if (!OverLocked()) return false;
    SyncLocked();
    state_ = {};
    state_.policy = options_.policy;
    state_.max_failures = options_.max_failures;
    waits_ = 0;
    outcome_ = refused_ = Status::Ok();
    exception_ = nullptr;
    failures_.clear();
    submitted_.store(0);
    context_.store(nullptr);
    ended = std::move(contexts_);
  }
  ended = nullptr;
  left_.fetch_and(~kAwaited, std::memory_order_seq_cst);
  refuses_.store(false, std::memory_order_seq_cst);
  Begin();
  return true;
}

// ---- contexts

void Group::Impl::Begin() {
  const bool parent = !(options_.context == Context::Background());
  if (!parent && !options_.timeout) return;
  contexts_ = std::make_unique<Contexts>();
  if (options_.timeout) {
    // A root of its own, not the parent's child: the group decides before its tasks are told, also when the
    // parent ends.
    contexts_->expiry = Context::Background().WithTimeout(*options_.timeout, options_.timers);
    contexts_->expired = contexts_->expiry->OnDone([this] { Expire(); });
  }
  if (parent) {
    contexts_->parent_done = options_.context.OnDone([this] {
      Failure cause = options_.context.cause().failure();
      // The outcome is of kind cancelled: how the parent ended is told in words.
      cause.message = cause.kind == FailureKind::kCancelled
                          ? "the parent has ended: " + cause.message
                          : "the parent has ended: " + std::string(Name(cause.kind)) + ": " + cause.message;
      Cancel(std::move(cause));
    });
  }
}

const Context& Group::Impl::context() {
  if (const Context* const own = context_.load(std::memory_order_acquire)) return *own;
  std::optional<Status> over;
  const Context* own = nullptr;
  Contexts* contexts = nullptr;
  {
    MutexLock lock(mutex_);
    if (const Context* const made = context_.load(std::memory_order_acquire)) return *made;
    if (contexts_ == nullptr) contexts_ = std::make_unique<Contexts>();
    contexts = contexts_.get();
    contexts->own = Context::Owned(
        Earlier(options_.context.deadline(), contexts->expiry ? contexts->expiry->deadline() : std::nullopt),
        options_.timers);
    own = &*contexts->own;
    context_.store(own, std::memory_order_release);
    if (state_.decided) over = outcome_;
  }
  contexts->own_done = own->OnDone([this, own] { Cancel(own->cause().failure()); });
  if (over) {
    own->Cancel(over->ok() ? Failure{.kind = FailureKind::kCancelled, .message = "the group has succeeded"}
                           : over->failure());
  }
  return *own;
}

}  // namespace covey
