#include "core/run/group_impl.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "core/base/check.h"
#include "core/run/run_caught.h"

namespace covey {
namespace {

using state::Command;
using state::CommandKind;
using state::EventKind;

std::optional<Context::Clock::time_point> Earlier(std::optional<Context::Clock::time_point> a,
                                                  std::optional<Context::Clock::time_point> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

std::string Milliseconds(std::chrono::nanoseconds duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) + " ms";
}

}  // namespace

// One task between its admission and its end; afterwards nothing of it is kept.
struct Group::Impl::Task {
  std::string name;                // "" for an anonymous one
  std::string runner_name;         // for the log; "" when there is none
  std::shared_ptr<Runner> runner;  // of a blocking task
  uint32_t index = 0;
  state::TaskState state{};

  std::string NameOrIndex() const { return name.empty() ? std::to_string(index) : name; }
};

// Shared by the copies of `done`.
struct Group::Impl::AsyncTask {
  AsyncTask(Impl& owner, Task admitted, std::shared_ptr<AsyncRunner> work)
      : group(owner), task(std::move(admitted)), runner(std::move(work)) {}
  ~AsyncTask() {
    if (!ended) End(Status::Error("the runner dropped `done` without calling it"));
  }

  void End(Status status) {
    if (ended.exchange(true)) return;
    runner = nullptr;  // what it holds ends before the group can be over
    group.Finish(task, std::move(status));
  }

  Impl& group;  // lives until Finish
  Task task;
  std::shared_ptr<AsyncRunner> runner;
  std::atomic<bool> ended = false;
};

Group::Impl::Impl(Options options)
    : pool_(options.pool != nullptr ? options.pool : Pool::Default()),
      recover_(options.recover),
      log_(std::move(options.log)),
      timeout_(options.timeout),
      // A root of its own, not the parent's child: the group decides before its tasks are told, also when the
      // parent ends.
      expiry_(options.timeout ? Context::Background().WithTimeout(*options.timeout, options.timers)
                              : Context::Background()),
      context_(Context::Owned(Earlier(options.context.deadline(), expiry_.deadline()), options.timers)),
      lane_(pool_, options.limit) {
  {
    MutexLock lock(mutex_);
    state_.policy = options.policy;
    state_.max_failures = options.max_failures;
  }
  if (options.policy != Policy::kAll && options.max_failures != 0) {
    const Status wrong =
        Failure{.kind = FailureKind::kRejected,
                .code = static_cast<int32_t>(Rejection::kDecided),
                .message = "max_failures goes with policy ALL alone and must be 0 with any other, got " +
                           std::to_string(options.max_failures)};
    MutexLock lock(mutex_);
    const bool decided = StepLocked({.kind = CommandKind::kExpire}, nullptr, wrong);
    lock.Unlock();
    if (decided) TellTasks();
    return;
  }
  if (timeout_) expired_ = expiry_.OnDone([this] { Expire(); });
  context_done_ = context_.OnDone([this] { Cancel(context_.cause().failure()); });
  parent_done_ = options.context.OnDone([this, parent = options.context] {
    Failure cause = parent.cause().failure();
    cause.message = "the parent has ended: " + cause.message;
    Cancel(std::move(cause));
  });
}

Status Group::Impl::Go(std::shared_ptr<Runner> runner, std::string name) {
  COVEY_CHECK(runner != nullptr);
  auto task = std::make_shared<Task>();
  task->name = std::move(name);
  if (log_) task->runner_name = task->name.empty() ? runner->Name() : task->name;
  task->runner = std::move(runner);
  if (Status status = Admit(*task); !status.ok()) return status;
  pool_->Run([this, task = std::move(task)] {
    Log(*task, LogInfo::What::kStart, {});
    Status status = RunCaught([&] { return task->runner->Run(context_); }, recover_);
    task->runner = nullptr;  // what it holds ends before the group can be over
    Finish(*task, std::move(status));
  });
  return Status::Ok();
}

Status Group::Impl::GoAsync(std::shared_ptr<AsyncRunner> runner, std::string name) {
  COVEY_CHECK(runner != nullptr);
  Task task;
  task.name = std::move(name);
  if (log_) task.runner_name = task.name.empty() ? runner->Name() : task.name;
  if (Status status = Admit(task); !status.ok()) return status;
  {
    MutexLock lock(mutex_);
    ++live_;  // this call: the task may end while Start is still under way
  }
  Log(task, LogInfo::What::kStart, {});
  auto shared = std::make_shared<AsyncTask>(*this, std::move(task), runner);
  const Status started = RunCaught(
      [&] {
        runner->Start(context_, [shared](Status status) {
          // The runner may go now, and this closure with it.
          const auto self = shared;  // NOLINT(performance-unnecessary-copy-initialization)
          self->End(std::move(status));
        });
        return Status::Ok();
      },
      recover_);
  if (!started.ok()) shared->End(started);
  shared = nullptr;
  runner = nullptr;
  Leave();
  return Status::Ok();
}

Status Group::Impl::Admit(Task& task) {
  {
    MutexLock lock(mutex_);
    if (state_.decided || state_.sealed) return RefusalLocked();
    ++going_;
  }
  Status status = lane_.Acquire(context_);
  const bool held = status.ok();
  // A task may have ended the context by itself: then this makes it the group's end.
  if (Is(status, Rejection::kDispatchTimeout)) Cancel(context_.cause().failure());
  bool decided = false;
  {
    MutexLock lock(mutex_);
    --going_;
    if (state_.decided) {
      status = RefusalLocked();
    } else if (held) {
      task.index = state_.submitted;
      StepLocked({.kind = CommandKind::kSubmit}, &task, {});
      StepLocked({.kind = CommandKind::kStart, .task = task.index}, &task, {});
      ++live_;
      return Status::Ok();
    } else if (ArmedLocked()) {
      // Nothing came of this call, and it may have been all that the seal was waiting for.
      decided = StepLocked({.kind = CommandKind::kArm}, nullptr, {});
    }
    ++live_;  // what follows
  }
  if (decided) TellTasks();
  if (held) lane_.Release();
  Leave();
  return status;
}

void Group::Impl::Finish(Task& task, Status status) {
  Log(task, LogInfo::What::kExit, status);
  if (!status.ok()) {
    Failure failure = status.failure();
    failure.task = task.NameOrIndex();
    failure.attempt = task.state.attempt;
    status = std::move(failure);
  }
  bool decided = false;
  {
    MutexLock lock(mutex_);
    decided = StepLocked({.kind = CommandKind::kExit,
                          .result = status.ok() ? state::Ending::kSucceeded : state::Ending::kFailed,
                          .failure = status.kind(),
                          .task = task.index,
                          .attempt = task.state.attempt,
                          .code = status.ok() ? 0 : status.failure().code},
                         &task, status);
  }
  // The decision comes before the slot is free: after a failure the next of this group does not start.
  if (decided) TellTasks();
  lane_.Release();
  Leave();
}

void Group::Impl::Log(const Task& task, LogInfo::What what, const Status& failure) const {
  if (log_) log_({.runner = task.runner_name, .what = what, .failure = failure});
}

void Group::Impl::Cancel(Failure cause) {
  cause.kind = FailureKind::kCancelled;
  bool decided = false;
  {
    MutexLock lock(mutex_);
    decided = StepLocked({.kind = CommandKind::kCancel}, nullptr, std::move(cause));
  }
  if (decided) TellTasks();
}

void Group::Impl::Expire() {
  const Failure cause{.kind = FailureKind::kTimeout,
                      .message = "the group's timeout of " + Milliseconds(*timeout_) + " has passed"};
  bool decided = false;
  {
    MutexLock lock(mutex_);
    decided = StepLocked({.kind = CommandKind::kExpire}, nullptr, cause);
  }
  if (decided) TellTasks();
}

Status Group::Impl::Wait() {
  MutexLock lock(mutex_);
  waited_for_ = true;
  if (ArmedLocked() && StepLocked({.kind = CommandKind::kArm}, nullptr, {})) {
    lock.Unlock();
    TellTasks();
    lock.Lock();
  }
  while (!state_.completed || live_ > 0 || going_ > 0) over_.Wait(mutex_);
  return outcome_;
}

std::vector<Failure> Group::Impl::failures() const {
  MutexLock lock(mutex_);
  return failures_;
}

Group::Counts Group::Impl::counts() const {
  MutexLock lock(mutex_);
  return {.started = state_.submitted,
          .running = state_.running,
          .succeeded = state_.succeeded,
          .failed = state_.failed,
          .stopped = state_.stopped};
}

bool Group::Impl::StepLocked(const Command& command, Task* task, const Status& status) {
  state_.armed = ArmedLocked();
  state::EventBuffer events;
  static const state::TaskState kNone{};
  state::Decide(state_, task != nullptr ? task->state : kNone, command, events);
  bool decided = false;
  for (const state::Event& event : events) {
    state::Apply(state_, event);
    if (task != nullptr && event.task == task->index && event.kind != EventKind::kGroupDecided) {
      state::Apply(task->state, event);
    }
    if (event.kind == EventKind::kTaskExited && event.result == state::Ending::kFailed &&
        failures_.size() < kMaxFailuresKept) {
      failures_.push_back(status.failure());
    }
    if (event.kind == EventKind::kGroupDecided) {
      outcome_ = OutcomeLocked(event, status);
      ++live_;
      decided = true;
    }
  }
  return decided;
}

Status Group::Impl::OutcomeLocked(const state::Event& decided, const Status& status) const {
  if (decided.outcome == state::Outcome::kSucceeded) return Status::Ok();
  // These two fail for what they lack when everything has ended; else `status` decided.
  const bool idle = state_.policy != Policy::kAll && decided.outcome == state::Outcome::kFailed &&
                    decided.failure == FailureKind::kError;
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

void Group::Impl::TellTasks() {
  Status outcome;
  {
    MutexLock lock(mutex_);
    outcome = outcome_;
  }
  context_.Cancel(outcome.ok()
                      ? Failure{.kind = FailureKind::kCancelled, .message = "the group has succeeded"}
                      : outcome.failure());
  Leave();
}

void Group::Impl::Leave() {
  MutexLock lock(mutex_);
  --live_;
  WakeIfOverLocked();
}

// With the lock held: who waits may destroy the group as soon as it sees that all is over.
void Group::Impl::WakeIfOverLocked() {
  if (state_.completed && live_ == 0 && going_ == 0) over_.NotifyAll();
}

}  // namespace covey
