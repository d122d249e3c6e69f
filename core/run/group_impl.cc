#include "core/run/group_impl.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "core/run/current.h"
#include "core/run/delivery.h"
#include "core/run/group_contexts.h"
#include "core/run/run_caught.h"
#include "core/run/task_extra.h"

namespace covey {
namespace {

using detail::TaskNode;
using state::Command;
using state::CommandKind;
using state::EventKind;

const state::TaskState kNoTask{};

std::string Milliseconds(std::chrono::nanoseconds duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) + " ms";
}

}  // namespace

Group::Impl::Impl(Options options)
    : pool_(options.pool != nullptr ? options.pool : Pool::Default()),
      slots_(*pool_->slots_),
      threads_(*pool_->threads_),
      options_(std::move(options)),
      simple_(!options_.log && options_.policy != Policy::kAny),
      helps_(pool_->TasksMayRunAnywhere()),
      limited_(options_.limit != 0) {
  {
    MutexLock lock(mutex_);
    state_.policy = options_.policy;
    state_.max_failures = options_.max_failures;
    if (options_.policy != Policy::kAll && options_.max_failures != 0) {
      const Failure wrong{
          .kind = FailureKind::kRejected,
          .code = static_cast<int32_t>(Rejection::kDecided),
          .message = "max_failures goes with policy ALL alone and must be 0 with any other, got " +
                     std::to_string(options_.max_failures)};
      StepLocked({.kind = CommandKind::kExpire}, kNoTask, wrong);
      return;
    }
  }
  Begin();
}

Group::Impl::~Impl() = default;

// ---- a task from Go to its end

Status Group::Impl::Go(TaskNode& node, TaskOptions& options, bool waits) {
  if (!options.name.empty() || options.timeout || options_.log) {
    detail::TaskExtra& extra = detail::ExtraOf(node);
    extra.name = std::move(options.name);
    extra.timeout = options.timeout;
    if (options_.log) extra.since = Context::Clock::now();
  }
  node.run = &Run;
  node.owner = this;
  Enter();
  if (!limited_.load(std::memory_order_relaxed)) {
    std::vector<SlotAnswer> answers;
    if (slots_.TryTake(counts_, &answers)) {
      // After the slot: the decision comes before a slot is free, so a failure is seen here.
      if (!refuses_.load(std::memory_order_seq_cst)) [[likely]] {
        HandOver(node);
        return Status::Ok();
      }
      ReturnSlot();
    }
    Deliver(std::move(answers));
  }
  Status status = GoBlocking(node, options, waits);
  if (!status.ok() && options_.log) Log(node, LogInfo::What::kRefused, status);
  Leave();
  return status;
}

void Group::Impl::HandOver(TaskNode& node) {
  node.index = submitted_.fetch_add(1, std::memory_order_relaxed);
  if (node.ops->wants_thread) threads_.Run(node, slots_.max());
}

void Group::Impl::ReturnSlot() {
  if (!slots_.Return(counts_)) return;
  if (BlockingLane* const lane = lane_.load(std::memory_order_acquire)) {
    lane->Settle();
  } else {
    Deliver(slots_.Settle(nullptr));
  }
}

void Group::Impl::Run(WorkItem& work) {
  auto& node = static_cast<TaskNode&>(work);
  static_cast<Impl*>(const_cast<void*>(node.owner))->RunTask(node);
}

void Group::Impl::RunTask(TaskNode& node) {
  struct Ending {
    Impl& group;
    TaskNode& node;
  } ending{*this, node};
  Status status;
  std::exception_ptr exception;
  {
    const Current current(this, &slots_);
    if (options_.log) Log(node, LogInfo::What::kStart, {});
    std::optional<Context> own;
    // In this order: with a handle the extra may be being made.
    if (node.wanted() || node.extra != nullptr) own = OwnContext(node, &status);
    if (status.ok()) {
      const Context::Registration ended_alone = own ? OnOwnEnd(node, *own) : Context::Registration();
      const Context& context = own ? *own : node.ops->wants_context ? this->context() : options_.context;
      const Caught caught{.recover = options_.recover || options_.rethrow,
                          .exception = options_.rethrow ? &exception : nullptr,
                          .thread_ends =
                              [](void* argument, Status failure) {
                                auto& [group, ended] = *static_cast<Ending*>(argument);
                                ended.ops->destroy(ended);
                                group.Finish(ended, std::move(failure), nullptr);
                              },
                          .argument = &ending};
      status = RunCaught([&] { return node.ops->invoke(node, context); }, caught);
    }
    node.ops->destroy(node);  // what it holds ends before the group can be over
  }
  Finish(node, std::move(status), std::move(exception));
}

std::optional<Context> Group::Impl::OwnContext(TaskNode& node, Status* status) {
  detail::TaskExtra& extra = detail::ExtraOf(node);
  const std::optional<Span> timeout = extra.timeout;
  if (!node.wanted() && !timeout) return std::nullopt;
  std::optional<Context> own;
  if (timeout) {
    own = context().WithTimeout(*timeout, options_.timers);
  } else if (node.ops->wants_context) {
    own = context().WithCancel();
  }
  MutexLock lock(extra.mutex);
  if (extra.cancelled) {
    *status = *extra.cancelled;
    return std::nullopt;
  }
  extra.context = own;
  return own;
}

// A task that ends what it was given ends the group, whether that is the group's context or its own.
Context::Registration Group::Impl::OnOwnEnd(TaskNode& node, const Context& own) {
  return own.OnDone([this, &node, own] {
    {
      MutexLock lock(node.extra->mutex);
      if (node.extra->cancelled) return;
    }
    const Failure cause = own.cause().failure();
    if (cause.kind != FailureKind::kTimeout || !node.extra->timeout) Cancel(cause);
  });
}

void Group::Impl::Finish(TaskNode& node, Status status, std::exception_ptr exception) {
  if (node.extra != nullptr) {
    // One that was to end by itself has failed so, whatever it says.
    detail::TaskExtra& extra = *node.extra;
    std::optional<Failure> cancelled;
    std::optional<Context> own;
    {
      MutexLock lock(extra.mutex);
      cancelled = extra.cancelled;
      own = extra.context;
    }
    if (cancelled) {
      status = *cancelled;
    } else if (own && extra.timeout && own->cause().kind() == FailureKind::kTimeout && !refuses_.load()) {
      status = Failure{.kind = FailureKind::kTimeout,
                       .message = "the task's timeout of " + Milliseconds(*extra.timeout) + " has passed"};
    }
  }
  if (status.ok() && simple_) {
    succeeded_.fetch_add(1, std::memory_order_relaxed);
  } else {
    Decide(node, status, std::move(exception));
  }
  // The decision comes before the slot is free: after a failure the next of this group does not start.
  ReturnSlot();
  detail::End(node, status);
  Leave();
}

void Group::Impl::Decide(TaskNode& node, Status& status, std::exception_ptr exception) {
  if (options_.log) Log(node, LogInfo::What::kExit, status);
  constexpr uint32_t kAttempt = 1;
  if (!status.ok()) {
    Failure failure = status.failure();
    // That of a group within this one names its own task.
    failure.task = failure.task.empty() ? NameOf(node) : NameOf(node) + "/" + failure.task;
    failure.attempt = kAttempt;
    status = std::move(failure);
  }
  state::TaskState task{};
  task.phase = state::TaskState::Phase::kRunning;
  task.attempt = kAttempt;
  MutexLock lock(mutex_);
  const bool late = state_.decided;
  const bool decided = StepLocked({.kind = CommandKind::kExit,
                                   .result = status.ok() ? state::Ending::kSucceeded : state::Ending::kFailed,
                                   .failure = status.kind(),
                                   .task = node.index,
                                   .attempt = kAttempt,
                                   .code = status.ok() ? 0 : status.failure().code},
                                  task, status);
  // Of the failure that decides; where all are waited for first, that is the first one.
  const bool decisive = state_.decided && !late;
  const bool first = options_.policy != Policy::kAll && !late && failures_.size() == 1;
  if (!status.ok() && (decisive || first)) exception_ = std::move(exception);
  if (late && !status.ok() && (options_.keep_all || status.kind() == FailureKind::kPanic) &&
      failures_.size() < kMaxFailuresKept) {
    failures_.push_back(status.failure());
  }
  lock.Unlock();
  if (decided) TellTasks();
}

std::string Group::Impl::NameOf(const TaskNode& node) const {
  return node.extra == nullptr || node.extra->name.empty() ? std::to_string(node.index) : node.extra->name;
}

void Group::Impl::Log(const TaskNode& node, LogInfo::What what, const Status& failure) const {
  // With a log there is an extra.
  const std::string name = node.extra->name.empty() ? node.ops->name(node) : node.extra->name;
  const auto now = Context::Clock::now();
  LogInfo info{.runner = name, .what = what, .failure = failure};
  if (what == LogInfo::What::kStart) {
    node.extra->waited = now - node.extra->since;
    node.extra->since = now;
  }
  info.waited = node.extra->waited;
  if (what == LogInfo::What::kExit) info.took = now - node.extra->since;
  options_.log(info);
}

// ---- work without a thread

// Shared by the copies of `done`.
struct Group::Impl::AsyncTask {
  AsyncTask(Impl& owner, TaskNode& task) : group(owner), node(task) {}
  ~AsyncTask() { End(Status::Error("the runner dropped `done` without calling it")); }

  void End(Status status) {
    if (ended.exchange(true)) return;
    node.ops->destroy(node);  // what the runner holds ends before the group can be over
    group.Finish(node, std::move(status), nullptr);
  }

  Impl& group;  // lives until Finish, and so does the node
  TaskNode& node;
  std::atomic<bool> ended = true;  // or not begun
};

Status Group::Impl::GoAsync(std::shared_ptr<AsyncRunner> runner, TaskNode& node, TaskOptions& options) {
  auto task = std::make_shared<AsyncTask>(*this, node);
  Enter();  // this call: the task may end while Start is still under way
  if (Status status = Go(node, options, /*waits=*/true); !status.ok()) {
    Leave();
    return status;
  }
  if (options_.log) Log(node, LogInfo::What::kStart, {});
  Status started;
  const std::optional<Context> own = OwnContext(node, &started);
  task->ended = false;
  if (started.ok()) {
    const Current current(this, nullptr);
    started = RunCaught(
        [&] {
          runner->Start(own ? *own : context(), [task](Status status) {
            // The runner may go now, and this closure with it.
            const auto self = task;  // NOLINT(performance-unnecessary-copy-initialization)
            self->End(std::move(status));
          });
          return Status::Ok();
        },
        options_.recover);
  }
  if (!started.ok()) task->End(started);
  task = nullptr;
  runner = nullptr;
  Leave();
  return Status::Ok();
}

// ---- decisions

void Group::Impl::Cancel(Failure cause) {
  cause.kind = FailureKind::kCancelled;
  MutexLock lock(mutex_);
  const bool decided = StepLocked({.kind = CommandKind::kCancel}, kNoTask, std::move(cause));
  lock.Unlock();
  if (decided) TellTasks();
}

void Group::Impl::Expire() {
  const Failure cause{.kind = FailureKind::kTimeout,
                      .message = "the group's timeout of " + Milliseconds(*options_.timeout) + " has passed"};
  MutexLock lock(mutex_);
  const bool decided = StepLocked({.kind = CommandKind::kExpire}, kNoTask, cause);
  lock.Unlock();
  if (decided) TellTasks();
}

void Group::Impl::SyncLocked() {
  state_.succeeded += succeeded_.exchange(0, std::memory_order_acq_rel);
  state_.submitted = submitted_.load(std::memory_order_acquire);
  state_.running = state_.submitted - state_.succeeded - state_.failed - state_.stopped;
}

bool Group::Impl::StepLocked(const Command& command, const state::TaskState& task, const Status& status) {
  SyncLocked();
  state::EventBuffer events;
  state::Decide(state_, task, command, events);
  bool tell = false;
  for (const state::Event& event : events) {
    state::Apply(state_, event);
    if (event.kind == EventKind::kTaskExited && event.result == state::Ending::kFailed &&
        failures_.size() < kMaxFailuresKept) {
      failures_.push_back(status.failure());
    }
    if (event.kind == EventKind::kGroupDecided) {
      refuses_.store(true, std::memory_order_seq_cst);
      outcome_ = OutcomeLocked(event, status);
      over_.NotifyAll();
      tell = context_.load(std::memory_order_relaxed) != nullptr;
    }
  }
  if (tell) Enter();
  return tell;
}

// Invariant 3.
bool Group::Impl::TrySealLocked() {
  if (state_.decided || waits_ == 0) return false;
  refuses_.store(true, std::memory_order_seq_cst);
  if (entered_.load(std::memory_order_seq_cst) != Left()) {
    refuses_.store(false, std::memory_order_seq_cst);
    return false;
  }
  // A task that nobody took is a failure of the group, unless something else was.
  const Status refused = refused_;
  const bool tell = refused.ok() || options_.policy == Policy::kAny
                        ? StepLocked({.kind = CommandKind::kArm}, kNoTask, {})
                        : StepLocked({.kind = CommandKind::kExpire}, kNoTask, refused);
  return tell;
}

Status Group::Impl::OutcomeLocked(const state::Event& decided, const Status& status) const {
  if (decided.outcome == state::Outcome::kSucceeded) return Status::Ok();
  // These two fail for what they lack when everything has ended; else `status` decided.
  const bool idle = state_.policy != Policy::kAll && decided.outcome == state::Outcome::kFailed &&
                    decided.failure == FailureKind::kError && status.ok();
  if (!idle) return status;
  if (failures_.empty()) return Status::Error("no tasks: policy ANY needs one that succeeds");
  return failures_.front();
}

Status Group::Impl::RefusalLocked() const {
  if (!outcome_.ok()) return outcome_;
  const Rejection why = state_.sealed ? Rejection::kSealed : Rejection::kDecided;
  return Failure{.kind = FailureKind::kRejected,
                 .code = static_cast<int32_t>(why),
                 .message = state_.sealed ? "the group is sealed" : "the group has succeeded"};
}

std::vector<Failure> Group::Impl::failures() const {
  MutexLock lock(mutex_);
  return failures_;
}

Group::Counts Group::Impl::counts() const {
  MutexLock lock(mutex_);
  // In this order: what has ended was submitted before.
  const uint32_t succeeded = state_.succeeded + succeeded_.load(std::memory_order_acquire);
  const uint32_t started = submitted_.load(std::memory_order_acquire);
  return {.started = started,
          .running = started - succeeded - state_.failed - state_.stopped,
          .succeeded = succeeded,
          .failed = state_.failed,
          .stopped = state_.stopped};
}

}  // namespace covey
