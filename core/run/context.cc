#include "covey/context.h"

#include <algorithm>
#include <thread>
#include <unordered_map>

#include "core/base/check.h"
#include "core/base/mutex.h"
#include "covey/timer_queue.h"

namespace covey {

namespace {
// `now` + `duration`, or the end of time.
Context::Clock::time_point After(Context::Clock::time_point now, std::chrono::nanoseconds duration) {
  constexpr auto kEnd = Context::Clock::time_point::max();
  return duration > kEnd - now ? kEnd : now + duration;
}
}  // namespace

// Lock order: parent before child is never needed: no call holds two of these mutexes.
struct Context::State : std::enable_shared_from_this<Context::State> {
  explicit State(std::shared_ptr<State> parent_state, std::optional<Clock::time_point> when)
      : parent(std::move(parent_state)), deadline(when) {}

  ~State() {
    if (timer != TimerQueue::TimerId{}) timers->Cancel(timer);
    if (parent != nullptr) parent->Remove(parent_id);
  }

  // 0 when it is over: then `callback` has not been taken.
  uint64_t Add(std::function<void()>& callback) {
    MutexLock lock(mutex);
    if (!cause.ok()) return 0;
    const uint64_t id = next_id++;
    callbacks.emplace(id, std::move(callback));
    return id;
  }

  void Remove(uint64_t id) {
    if (id == 0) return;  // never added
    MutexLock lock(mutex);
    if (auto node = callbacks.extract(id)) {
      lock.Unlock();  // its captures end without the lock
      return;
    }
    while (running == id && runner != std::this_thread::get_id()) ended.Wait(mutex);
  }

  bool Cancel(Status why) {
    std::shared_ptr<State> self = shared_from_this();
    MutexLock lock(mutex);
    if (!cause.ok()) return false;
    cause = std::move(why);
    ended.NotifyAll();
    runner = std::this_thread::get_id();
    while (!callbacks.empty()) {
      running = callbacks.begin()->first;
      std::function<void()> callback = std::move(callbacks.begin()->second);
      callbacks.erase(callbacks.begin());
      lock.Unlock();
      callback();
      callback = nullptr;
      lock.Lock();
      running = 0;
      ended.NotifyAll();
    }
    return true;
  }

  // Constant once shared.
  const std::shared_ptr<State> parent;
  const std::optional<Clock::time_point> deadline;
  uint64_t parent_id = 0;
  std::shared_ptr<TimerQueue> timers;
  TimerQueue::TimerId timer{};

  Mutex mutex;
  CondVar ended;  // cause set, or a callback has returned
  Status cause COVEY_GUARDED_BY(mutex);
  uint64_t next_id COVEY_GUARDED_BY(mutex) = 1;
  std::unordered_map<uint64_t, std::function<void()>> callbacks COVEY_GUARDED_BY(mutex);
  uint64_t running COVEY_GUARDED_BY(mutex) = 0;  // id of the callback under way
  std::thread::id runner COVEY_GUARDED_BY(mutex);
};

Context Context::Background() {
  static const auto* const kBackground = new Context(std::make_shared<State>(nullptr, std::nullopt));
  return *kBackground;
}

Context Context::WithCancel() const { return WithDeadline(Clock::time_point::max()); }

Context Context::WithTimeout(std::chrono::nanoseconds timeout, std::shared_ptr<TimerQueue> timers) const {
  if (timers == nullptr) timers = state_->timers;
  const auto now = timers != nullptr ? timers->Now() : Clock::now();
  return WithDeadline(After(now, timeout), std::move(timers));
}

Context Context::Owned(std::optional<Clock::time_point> deadline, std::shared_ptr<TimerQueue> timers) {
  auto state = std::make_shared<State>(nullptr, deadline);
  state->timers = std::move(timers);
  return Context(std::move(state));
}

Context Context::WithDeadline(Clock::time_point when, std::shared_ptr<TimerQueue> timers) const {
  std::optional<Clock::time_point> deadline = state_->deadline;
  const bool sooner = when != Clock::time_point::max() && (!deadline || when < *deadline);
  if (sooner) deadline = when;
  if (timers == nullptr) timers = state_->timers;
  const bool root = state_ == Background().state_;
  auto child = std::make_shared<State>(root ? nullptr : state_, deadline);
  if (!root) {
    std::function<void()> inherit = [weak = std::weak_ptr<State>(child), parent = state_.get()] {
      const auto self = weak.lock();
      if (self == nullptr) return;
      MutexLock lock(parent->mutex);
      Status cause = parent->cause;
      lock.Unlock();
      self->Cancel(std::move(cause));
    };
    child->parent_id = state_->Add(inherit);
    if (child->parent_id == 0) child->Cancel(cause());
  }
  child->timers = std::move(timers);
  if (sooner) {
    if (child->timers == nullptr) child->timers = TimerQueue::Default();
    const Failure passed{.kind = FailureKind::kTimeout, .message = "the deadline has passed"};
    if (when <= child->timers->Now()) {
      child->Cancel(passed);
    } else {
      child->timer = child->timers->Schedule(when, [weak = std::weak_ptr<State>(child), passed] {
        if (const auto self = weak.lock()) self->Cancel(passed);
      });
    }
  }
  return Context(std::move(child));
}

bool Context::Cancel(Failure cause) const {
  COVEY_CHECK(state_ != Background().state_);
  return state_->Cancel(std::move(cause));
}

bool Context::done() const {
  MutexLock lock(state_->mutex);
  return !state_->cause.ok();
}

Status Context::cause() const {
  MutexLock lock(state_->mutex);
  return state_->cause;
}

std::optional<Context::Clock::time_point> Context::deadline() const { return state_->deadline; }

std::optional<std::chrono::nanoseconds> Context::remaining() const {
  if (!state_->deadline) return std::nullopt;
  const auto now = state_->timers != nullptr ? state_->timers->Now() : Clock::now();
  return std::max<std::chrono::nanoseconds>(std::chrono::nanoseconds(0), *state_->deadline - now);
}

void Context::Wait() const {
  MutexLock lock(state_->mutex);
  while (state_->cause.ok()) state_->ended.Wait(state_->mutex);
}

bool Context::WaitFor(std::chrono::nanoseconds duration) const {
  const auto until = After(Clock::now(), duration);
  MutexLock lock(state_->mutex);
  while (state_->cause.ok()) {
    if (!state_->ended.WaitUntil(state_->mutex, until)) return !state_->cause.ok();
  }
  return true;
}

Context::Registration Context::OnDone(std::function<void()> callback) const {
  const uint64_t id = state_->Add(callback);
  if (id == 0) {
    callback();
    return {};
  }
  return Registration(state_, id);
}

void Context::Registration::Reset() {
  if (state_ == nullptr) return;
  state_->Remove(id_);
  state_ = nullptr;
}

}  // namespace covey
