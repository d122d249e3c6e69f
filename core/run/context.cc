#include "covey/context.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <map>
#include <thread>
#include <vector>

#include "core/base/after.h"
#include "core/base/check.h"
#include "core/base/futex.h"
#include "core/base/mutex.h"
#include "core/base/per_process.h"
#include "core/run/run_caught.h"
#include "core/run/thread_set.h"
#include "covey/timer_queue.h"

namespace covey {

// Lock order: parent before child is never needed: no call holds two of these mutexes.
struct Context::State : std::enable_shared_from_this<Context::State> {
  static constexpr uint32_t kDone = 1;
  static constexpr uint32_t kAwaited = 2;  // somebody sleeps until it is done

  // What is to be told of the end: a callback, or a child.
  struct Listener {
    std::function<void()> callback;
    std::weak_ptr<State> child;
  };

  explicit State(std::shared_ptr<State> parent_state, std::optional<Clock::time_point> when)
      : parent(std::move(parent_state)),
        deadline((when ? *when : Clock::time_point::max()).time_since_epoch().count()) {}

  ~State() {
    if (timer != TimerQueue::TimerId{}) timers->Cancel(timer);
    if (parent == nullptr) return;
    parent->Remove(parent_id);
    // A long chain of parents that go with their last child: one after the other, not one within the other.
    static thread_local std::vector<std::shared_ptr<State>>* going = nullptr;
    if (going != nullptr) {
      going->push_back(std::move(parent));
      return;
    }
    std::vector<std::shared_ptr<State>> list;
    list.push_back(std::move(parent));
    going = &list;
    while (!list.empty()) {
      const std::shared_ptr<State> next = std::move(list.back());
      list.pop_back();
    }
    going = nullptr;
  }

  bool done() const { return (word.load(std::memory_order_acquire) & kDone) != 0; }

  // 0 when it is over: then the listener has not been taken.
  uint64_t Add(Listener& listener) {
    MutexLock lock(mutex);
    if (done()) return 0;
    const uint64_t id = next_id++;
    listeners.emplace_hint(listeners.end(), id, std::move(listener));
    return id;
  }

  void Remove(uint64_t id) {
    if (id == 0) return;  // never added
    MutexLock lock(mutex);
    if (auto node = listeners.extract(id)) {
      lock.Unlock();  // its captures end without the lock
      return;
    }
    while (running == id && runner != std::this_thread::get_id()) returned.Wait(mutex);
  }

  // Marks it as over; false when it was.
  bool Mark(const Status& why) {
    {
      MutexLock lock(mutex);
      if (done()) return false;
      cause = why;
      if ((word.fetch_or(kDone, std::memory_order_acq_rel) & kAwaited) == 0) return true;
    }
    FutexWake(&word);
    return true;
  }

  // Marks this and all below it. Those that have something to be told are added to `marked`, this one first.
  static bool MarkAll(std::shared_ptr<State> first, const Status& why,
                      std::vector<std::shared_ptr<State>>* marked) {
    if (!first->Mark(why)) return false;
    std::vector<std::shared_ptr<State>> next;
    next.push_back(std::move(first));
    while (!next.empty()) {
      std::shared_ptr<State> state = std::move(next.back());
      next.pop_back();
      std::vector<std::shared_ptr<State>> children;  // let go without the lock
      MutexLock lock(state->mutex);
      for (auto listener = state->listeners.begin(); listener != state->listeners.end();) {
        if (listener->second.callback) {
          ++listener;
          continue;
        }
        children.push_back(listener->second.child.lock());
        listener = state->listeners.erase(listener);
      }
      const bool tells = !state->listeners.empty();
      lock.Unlock();
      for (std::shared_ptr<State>& child : children) {
        if (child != nullptr && child->Mark(why)) next.push_back(std::move(child));
      }
      if (tells) marked->push_back(std::move(state));
    }
    return true;
  }

  // Calls the callbacks of one that is marked.
  void Tell() {
    MutexLock lock(mutex);
    runner = std::this_thread::get_id();
    while (!listeners.empty()) {
      running = listeners.begin()->first;
      std::function<void()> callback = std::move(listeners.begin()->second.callback);
      listeners.erase(listeners.begin());
      lock.Unlock();
      const Status told = RunCaught([&] {
        callback();
        return Status::Ok();
      });
      if (!told.ok()) {
        std::fprintf(stderr, "covey: what was to be called at the end of a context has failed: %s\n",
                     told.ToString().c_str());
      }
      callback = nullptr;
      lock.Lock();
      running = 0;
      returned.NotifyAll();
    }
  }

  static bool Cancel(std::shared_ptr<State> state, const Status& why) {
    std::vector<std::shared_ptr<State>> marked;
    if (!MarkAll(std::move(state), why, &marked)) return false;
    for (const std::shared_ptr<State>& each : marked) each->Tell();
    return true;
  }

  // The deadline has passed. What others do about it must not hold up the timers.
  static void Expire(const std::shared_ptr<State>& state, bool manual) {
    std::vector<std::shared_ptr<State>> marked;
    const Failure passed{.kind = FailureKind::kTimeout, .message = "the deadline has passed"};
    if (!MarkAll(state, passed, &marked) || marked.empty()) return;
    auto tell = [marked = std::move(marked)] {
      for (const std::shared_ptr<State>& each : marked) each->Tell();
    };
    if (manual) {
      tell();
      return;
    }
    static PerProcess<std::shared_ptr<ThreadSet>> tellers;
    tellers.Get([] { return std::make_shared<ThreadSet>(std::chrono::seconds(1), TimerQueue::Default()); })
        ->Run(std::move(tell), 1);
  }

  void Schedule(Clock::time_point when) {
    timer = timers->Schedule(when, [weak = weak_from_this(), manual = timers->manual()] {
      if (const auto self = weak.lock()) Expire(self, manual);
    });
  }

  // Constant once shared.
  std::shared_ptr<State> parent;
  uint64_t parent_id = 0;
  std::shared_ptr<TimerQueue> timers;
  const void* key = nullptr;
  std::shared_ptr<const void> value;

  FutexWord word = 0;
  std::atomic<Clock::rep> deadline;  // max: none
  Status cause;                      // written once, before `word` says that it is done

  Mutex mutex;
  CondVar returned;  // a callback
  TimerQueue::TimerId timer{};
  uint64_t next_id COVEY_GUARDED_BY(mutex) = 1;
  std::map<uint64_t, Listener> listeners COVEY_GUARDED_BY(mutex);
  uint64_t running COVEY_GUARDED_BY(mutex) = 0;  // id of the callback under way
  std::thread::id runner COVEY_GUARDED_BY(mutex);
};

const Context& Context::Background() {
  static const auto* const kBackground = new Context(std::make_shared<State>(nullptr, std::nullopt));
  return *kBackground;
}

Context Context::WithCancel() const { return WithDeadline(Clock::time_point::max()); }

Context Context::WithTimeout(Span timeout, std::shared_ptr<TimerQueue> timers) const {
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
  std::optional<Clock::time_point> deadline = this->deadline();
  const bool sooner = when != Clock::time_point::max() && (!deadline || when < *deadline);
  if (sooner) deadline = when;
  if (timers == nullptr) timers = state_->timers;
  const bool root = *this == Background();
  auto child = std::make_shared<State>(root ? nullptr : state_, deadline);
  child->timers = std::move(timers);
  if (!root) {
    State::Listener listener{.callback = nullptr, .child = child};
    child->parent_id = state_->Add(listener);
    if (child->parent_id == 0) child->Mark(cause());
  }
  if (sooner) {
    if (child->timers == nullptr) child->timers = TimerQueue::Default();
    if (when <= child->timers->Now()) {
      child->Mark(Failure{.kind = FailureKind::kTimeout, .message = "the deadline has passed"});
    } else {
      child->Schedule(when);
    }
  }
  return Context(std::move(child));
}

bool Context::MoveDeadline(Clock::time_point deadline) const {
  State& state = *state_;
  std::optional<Clock::time_point> most;
  if (state.parent != nullptr) most = Context(state.parent).deadline();
  if (most && *most < deadline) deadline = *most;
  MutexLock lock(state.mutex);
  if (state.done() || state.timer == TimerQueue::TimerId{}) return false;
  const TimerQueue::TimerId before = state.timer;
  lock.Unlock();
  // When it cannot be cancelled it is passing now.
  if (!state.timers->Cancel(before)) return false;
  lock.Lock();
  state.deadline.store(deadline.time_since_epoch().count());
  state.Schedule(deadline);
  return true;
}

Context Context::WithValueOf(const void* key, std::shared_ptr<const void> value) const {
  Context child = WithCancel();
  child.state_->key = key;
  child.state_->value = std::move(value);
  // A child of the background has no parent to be cancelled by; nor are there values.
  return child;
}

const void* Context::ValueOf(const void* key) const {
  for (const State* state = state_.get(); state != nullptr; state = state->parent.get()) {
    if (state->key == key) return state->value.get();
  }
  return nullptr;
}

bool Context::Cancel(Failure cause) const {
  COVEY_CHECK(!(*this == Background()));
  return State::Cancel(state_, std::move(cause));
}

bool Context::done() const { return state_->done(); }

Status Context::cause() const { return state_->done() ? state_->cause : Status::Ok(); }

std::optional<Context::Clock::time_point> Context::deadline() const {
  const Clock::time_point when{Clock::duration(state_->deadline.load(std::memory_order_relaxed))};
  if (when == Clock::time_point::max()) return std::nullopt;
  return when;
}

std::optional<std::chrono::nanoseconds> Context::remaining() const {
  const std::optional<Clock::time_point> until = deadline();
  if (!until) return std::nullopt;
  const auto now = state_->timers != nullptr ? state_->timers->Now() : Clock::now();
  return std::max<std::chrono::nanoseconds>(std::chrono::nanoseconds(0), *until - now);
}

void Context::Wait() const {
  while (!done()) {
    const uint32_t before = state_->word.fetch_or(State::kAwaited, std::memory_order_acq_rel);
    if ((before & State::kDone) == 0) FutexWait(state_->word, State::kAwaited);
  }
}

bool Context::WaitFor(Span duration) const {
  const auto until = After(Clock::now(), duration);
  while (!done()) {
    if (Clock::now() >= until) return false;
    const uint32_t before = state_->word.fetch_or(State::kAwaited, std::memory_order_acq_rel);
    if ((before & State::kDone) == 0) FutexWait(state_->word, State::kAwaited, until);
  }
  return true;
}

Context::Registration Context::OnDone(std::function<void()> callback) const {
  State::Listener listener{.callback = std::move(callback), .child = {}};
  // The background never ends.
  if (*this == Background()) return {};
  const uint64_t id = state_->Add(listener);
  if (id == 0) {
    listener.callback();
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
