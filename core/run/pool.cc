#include "core/run/pool.h"

#include <algorithm>
#include <utility>

#include "core/base/check.h"

namespace covey {

// What this thread is delivering. Answers that arise meanwhile wait here instead of on the stack, so that a
// million stale tickets do not recurse.
struct Pool::Delivery {
  Lane* lane = nullptr;  // whose owner is being told; null once that lane was destroyed from within
  std::deque<std::pair<std::shared_ptr<Pool>, Answer>> pending;
};

thread_local Pool::Delivery* Pool::delivery_ = nullptr;

std::shared_ptr<Pool> Pool::New(Options options) {
  COVEY_CHECK(options.max <= kMaxSlots);
  return std::shared_ptr<Pool>(new Pool(options));
}

const std::shared_ptr<Pool>& Pool::Default() {
  static const auto* const kDefault = new std::shared_ptr<Pool>(New(Options{}));
  return *kDefault;
}

Pool::Pool(const Options& options)
    : threads_(std::make_shared<ThreadSet>(
          options.idle_time, options.timers != nullptr ? options.timers : TimerQueue::Default())),
      max_(options.max) {}

Pool::~Pool() { threads_->Stop(); }

Status Pool::Go(const Context& context, std::function<void()> task) {
  BlockingLane lane(shared_from_this(), 0);
  if (Status status = lane.Acquire(context); !status.ok()) return status;
  // The slot outlives this call: it belongs to a lane that the task carries.
  struct Task final : LaneOwner {
    void OnGranted(uint64_t) override {}
  };
  struct Held {
    Task owner;
    std::unique_ptr<Lane> lane;
    ~Held() { lane->Release(); }
  };
  auto held = std::make_shared<Held>();
  held->lane = std::make_unique<Lane>(shared_from_this(), &held->owner);
  {
    MutexLock lock(mutex_);
    --lane.lane().running_;
    ++held->lane->running_;
  }
  Run([held = std::move(held), task = std::move(task)]() mutable {
    task();
    task = nullptr;
    held = nullptr;
  });
  return Status::Ok();
}

void Pool::Run(std::function<void()> work) {
  size_t at_once = 0;
  {
    MutexLock lock(mutex_);
    at_once = max_;
  }
  threads_->Run(std::move(work), at_once);
}

void Pool::SetMax(uint32_t max) {
  COVEY_CHECK(max <= kMaxSlots);
  std::vector<Answer> grants;
  {
    MutexLock lock(mutex_);
    max_ = max;
    grants = GrantLocked();
  }
  Deliver(std::move(grants));
}

void Pool::SetIdleTime(std::chrono::nanoseconds idle_time) { threads_->SetIdleTime(idle_time); }

Pool::Stats Pool::stats() const {
  const ThreadSet::Stats threads = threads_->stats();
  MutexLock lock(mutex_);
  return {.max = max_,
          .running = running_,
          .waiting = waiting_,
          .threads = threads.threads,
          .idle_threads = threads.idle,
          .closed = closed_};
}

size_t Pool::waiting() const {
  MutexLock lock(mutex_);
  return waiting_;
}

Status Pool::Close() {
  std::vector<Answer> refusals;
  {
    MutexLock lock(mutex_);
    if (closed_) return ErrClosed();
    closed_ = true;
    for (Lane* lane : lanes_) {
      for (const uint64_t ticket : lane->tickets_) refusals.push_back({lane, ticket, false});
      lane->delivering_ += lane->tickets_.size();
      lane->tickets_.clear();
      UpdateRingLocked(*lane);
    }
    waiting_ = 0;
  }
  Deliver(std::move(refusals));
  MutexLock lock(mutex_);
  while (running_ > 0) changed_.Wait(mutex_);
  return Status::Ok();
}

void Pool::UpdateRingLocked(Lane& lane) {
  const bool eligible = !lane.tickets_.empty() && (lane.limit_ == 0 || lane.running_ < lane.limit_);
  if (eligible == lane.in_ring_) return;
  lane.in_ring_ = eligible;
  if (eligible) {
    lane.ring_place_ = ring_.insert(ring_.end(), &lane);
  } else {
    ring_.erase(lane.ring_place_);
  }
}

std::vector<Pool::Answer> Pool::GrantLocked() {
  std::vector<Answer> grants;
  while (!ring_.empty() && FreeLocked()) {
    Lane& lane = *ring_.front();
    grants.push_back({&lane, lane.tickets_.front(), true});
    lane.tickets_.pop_front();
    --waiting_;
    ++running_;
    ++lane.running_;
    ++lane.delivering_;
    ring_.splice(ring_.end(), ring_, ring_.begin());  // its next ticket waits for the round
    UpdateRingLocked(lane);
  }
  return grants;
}

void Pool::Deliver(std::vector<Answer> answers) {
  if (answers.empty()) return;
  const std::shared_ptr<Pool> self = shared_from_this();
  if (delivery_ != nullptr) {
    for (const Answer& answer : answers) delivery_->pending.emplace_back(self, answer);
    return;
  }
  Delivery delivery;
  delivery_ = &delivery;
  for (const Answer& answer : answers) delivery.pending.emplace_back(self, answer);
  while (!delivery.pending.empty()) {
    const auto [pool, answer] = std::move(delivery.pending.front());
    delivery.pending.pop_front();
    delivery.lane = answer.lane;
    LaneOwner* const owner = answer.lane->owner_;
    answer.granted ? owner->OnGranted(answer.ticket) : owner->OnRefused(answer.ticket);
    if (delivery.lane != nullptr) {
      MutexLock lock(pool->mutex_);
      --answer.lane->delivering_;
      pool->changed_.NotifyAll();
    }
  }
  delivery_ = nullptr;
}

Lane::Lane(std::shared_ptr<Pool> pool, LaneOwner* owner, uint32_t limit)
    : pool_(std::move(pool)), owner_(owner), limit_(limit) {
  MutexLock lock(pool_->mutex_);
  place_ = pool_->lanes_.insert(pool_->lanes_.end(), this);
}

Lane::~Lane() {
  Clear();
  size_t told = 0;   // answers that are accounted for here
  size_t stale = 0;  // those of them that hold a slot
  if (Pool::Delivery* delivery = Pool::delivery_; delivery != nullptr) {
    // Answers to this lane that this thread has not delivered: nobody is left to take them.
    for (const auto& [pool, answer] : delivery->pending) {
      if (answer.lane == this && answer.granted) ++stale;
    }
    told = std::erase_if(delivery->pending, [this](const auto& entry) { return entry.second.lane == this; });
    if (delivery->lane == this) {
      delivery->lane = nullptr;
      ++told;
    }
  }
  if (stale > 0) Release(stale);
  MutexLock lock(pool_->mutex_);
  delivering_ -= told;
  while (delivering_ > 0) pool_->changed_.Wait(pool_->mutex_);
  COVEY_CHECK(running_ == 0);
  pool_->lanes_.erase(place_);
}

size_t Lane::TryAcquire(size_t count) {
  MutexLock lock(pool_->mutex_);
  if (pool_->closed_ || !tickets_.empty()) return 0;
  size_t got = 0;
  // Free slots with tickets in the ring do not occur (invariant 4), so nobody is overtaken.
  while (got < count && pool_->FreeLocked() && (limit_ == 0 || running_ < limit_)) {
    ++pool_->running_;
    ++running_;
    ++got;
  }
  return got;
}

void Lane::Adopt(size_t count) {
  MutexLock lock(pool_->mutex_);
  running_ += count;
  pool_->running_ += count;
  pool_->UpdateRingLocked(*this);
}

Status Lane::Push(std::span<const uint64_t> tickets) {
  std::vector<Pool::Answer> grants;
  {
    MutexLock lock(pool_->mutex_);
    if (pool_->closed_) return ErrClosed();
    tickets_.insert(tickets_.end(), tickets.begin(), tickets.end());
    pool_->waiting_ += tickets.size();
    pool_->UpdateRingLocked(*this);
    grants = pool_->GrantLocked();
  }
  pool_->Deliver(std::move(grants));
  return Status::Ok();
}

void Lane::Release(size_t count) {
  const std::shared_ptr<Pool> pool = pool_;
  std::vector<Pool::Answer> grants;
  {
    MutexLock lock(pool->mutex_);
    COVEY_CHECK(running_ >= count && pool->running_ >= count);
    running_ -= count;
    pool->running_ -= count;
    pool->UpdateRingLocked(*this);
    if (pool->running_ == 0) pool->changed_.NotifyAll();
    grants = pool->GrantLocked();
  }
  pool->Deliver(std::move(grants));
}

size_t Lane::Clear() {
  std::deque<uint64_t> dropped;
  MutexLock lock(pool_->mutex_);
  dropped.swap(tickets_);
  pool_->waiting_ -= dropped.size();
  pool_->UpdateRingLocked(*this);
  return dropped.size();
}

bool Lane::Withdraw(uint64_t ticket) {
  MutexLock lock(pool_->mutex_);
  const auto found = std::find(tickets_.begin(), tickets_.end(), ticket);
  if (found == tickets_.end()) return false;
  tickets_.erase(found);
  --pool_->waiting_;
  pool_->UpdateRingLocked(*this);
  return true;
}

void Lane::SetLimit(uint32_t limit) {
  std::vector<Pool::Answer> grants;
  {
    MutexLock lock(pool_->mutex_);
    limit_ = limit;
    pool_->UpdateRingLocked(*this);
    grants = pool_->GrantLocked();
  }
  pool_->Deliver(std::move(grants));
}

size_t Lane::running() const {
  MutexLock lock(pool_->mutex_);
  return running_;
}

size_t Lane::waiting() const {
  MutexLock lock(pool_->mutex_);
  return tickets_.size();
}

std::optional<size_t> Lane::Ahead(uint64_t ticket) const {
  MutexLock lock(pool_->mutex_);
  const auto found = std::find(tickets_.begin(), tickets_.end(), ticket);
  if (found == tickets_.end()) return std::nullopt;
  return static_cast<size_t>(found - tickets_.begin());
}

// Lives on the stack of the caller that blocks; reached through its ticket while that waits.
struct BlockingLane::Waiter {
  enum class Answer { kNone, kGranted, kRefused };
  CondVar answered;
  Answer answer = Answer::kNone;
  bool cancelled = false;
};

Status BlockingLane::Acquire(const Context& context) {
  if (context.done()) return ErrDispatchTimeout();
  if (lane_.TryAcquire() == 1) return Status::Ok();
  Waiter waiter;
  const auto ticket = reinterpret_cast<uint64_t>(&waiter);
  if (Status status = lane_.Push({&ticket, 1}); !status.ok()) return status;
  Context::Registration registration = context.OnDone([&] {
    MutexLock lock(mutex_);
    waiter.cancelled = true;
    waiter.answered.NotifyAll();
  });
  MutexLock lock(mutex_);
  while (waiter.answer == Waiter::Answer::kNone) {
    if (waiter.cancelled) {
      lock.Unlock();
      if (lane_.Withdraw(ticket)) {
        registration.Reset();
        return ErrDispatchTimeout();
      }
      lock.Lock();  // the answer is on its way
      waiter.cancelled = false;
      continue;
    }
    waiter.answered.Wait(mutex_);
  }
  const Waiter::Answer answer = waiter.answer;
  lock.Unlock();
  registration.Reset();
  return answer == Waiter::Answer::kGranted ? Status::Ok() : ErrClosed();
}

void BlockingLane::OnGranted(uint64_t ticket) {
  MutexLock lock(mutex_);
  auto* waiter = reinterpret_cast<Waiter*>(ticket);
  waiter->answer = Waiter::Answer::kGranted;
  waiter->answered
      .NotifyAll();  // with the lock held: the waiter lives on a stack that goes when it sees the answer
}

void BlockingLane::OnRefused(uint64_t ticket) {
  MutexLock lock(mutex_);
  auto* waiter = reinterpret_cast<Waiter*>(ticket);
  waiter->answer = Waiter::Answer::kRefused;
  waiter->answered.NotifyAll();
}

}  // namespace covey
