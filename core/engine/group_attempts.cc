#include <algorithm>

#include "core/base/duration.h"
#include "core/engine/group_step.h"

// DurableGroup: what becomes of its attempts.

namespace covey {

using state::CommandKind;
using state::Refusal;
using Phase = state::TaskState::Phase;
using std::chrono::nanoseconds;

void DurableGroup::OnGranted(uint64_t ticket) {
  Step step(this);
  const auto [task, attempt] = Ticket::Unpack(ticket);
  const TaskTable& tasks = ledger_.tasks();
  // While the log is stopped nothing is decided: its tickets are queued again when it goes on.
  const bool valid = !attempts_.suspended() && !ledger_.log().stopped() && task < tasks.size() &&
                     tasks[task].pending.attempt + 1 == attempt && attempts_.Find(task) == nullptr;
  if (valid && DecideLocked({.command = {.kind = CommandKind::kStart, .task = task}}, step.effects()) ==
                   Refusal::kNone) {
    attempts_.Begin(task, attempt, Attempts::Slot::kHeld);
  } else {
    step.effects().release = 1;
  }
  step.Finish();
}

Effects::Start DurableGroup::MakeStartLocked(uint32_t task, uint32_t attempt) {
  const std::shared_ptr<const TaskSpec>& spec = ledger_.tasks()[task].spec;
  std::optional<Clock::time_point> deadline;
  if (deadline_ != Clock::time_point{}) deadline = deadline_;
  if (spec->timeout > nanoseconds(0)) {
    const auto own = environment_->timers->Now() + spec->timeout;
    deadline = deadline ? std::min(*deadline, own) : own;
  }
  return {.executor = &environment_->executors.For(*spec),
          .launch = {.group = spec_->id,
                     .task = ledger_.tasks().Name(task),
                     .index = task,
                     .attempt = attempt,
                     .spec = spec,
                     .deadline = deadline},
          .listener = std::make_shared<Listener>(shared_from_this(), task, attempt)};
}

// Its start is durable.
void DurableGroup::LaunchLocked(uint32_t task, Effects& effects) {
  Attempts::Attempt* const attempt = attempts_.Find(task);
  if (attempt == nullptr || attempt->launched) return;
  if (!attempt->stopping && ledger_.tasks()[task].spec == nullptr) {
    unread_.push_back(task);
    return ReadSpecsLocked(effects);
  }
  if (!attempt->stopping) {
    attempt->launched = true;
    effects.starts.push_back(MakeStartLocked(task, attempt->number));
    return;
  }
  // Stopped before it was started: it never will be.
  const Attempts::Attempt stopped = attempts_.End(task, effects);
  if (stopped.interrupted) return LoseLocked(task, stopped.number, *stopped.stop_cause, nullptr, effects);
  const FailureKind kind = stopped.stop_cause->kind;
  FactLocked({.command = {.kind = CommandKind::kExit,
                          .result = state::Ending::kFailed,
                          .failure = kind,
                          .task = task,
                          .attempt = stopped.number},
              .failure = Share({.kind = kind,
                                .message = "stopped before it was started: " + stopped.stop_cause->message,
                                .task = ledger_.tasks().Name(task),
                                .attempt = stopped.number})},
             effects);
}

void DurableGroup::OnStarted(uint32_t task, uint32_t attempt) {
  MutexLock lock(mutex_);
  Attempts::Attempt* const found = attempts_.Find(task, attempt);
  if (found == nullptr) return;
  const nanoseconds timeout = ledger_.tasks()[task].spec->timeout;
  if (timeout == nanoseconds(0)) return;
  attempts_.StartTimeout(*found, timeout, [weak = weak_from_this(), task, attempt] {
    if (const auto self = weak.lock()) self->OnTaskTimeout(task, attempt);
  });
}

void DurableGroup::OnTaskTimeout(uint32_t task, uint32_t attempt) {
  Step step(this);
  Attempts::Attempt* const found = attempts_.Find(task, attempt);
  if (found == nullptr) return step.Finish();
  found->timeout = TimerQueue::TimerId{};
  auto cause = Share({.kind = FailureKind::kTimeout,
                      .message = "timed out after " + SecondsText(ledger_.tasks()[task].spec->timeout),
                      .task = ledger_.tasks().Name(task),
                      .attempt = attempt});
  FactLocked({.command = {.kind = CommandKind::kCancelTask, .failure = FailureKind::kTimeout, .task = task},
              .failure = cause},
             step.effects());
  if (found->cancel == FailureKind::kNone) found->cancel = FailureKind::kTimeout;
  attempts_.Stop(*found, std::move(cause), step.effects());
  step.Finish();
}

void DurableGroup::OnProgress(uint32_t task, uint32_t attempt, CommandKind kind, int code) {
  Step step(this);
  if (Attempts::Attempt* const found = attempts_.Find(task, attempt);
      found != nullptr && found->interrupted) {
    found->told = true;  // nobody has cancelled it: there is nothing to record
    return step.Finish();
  }
  FactLocked({.command = {.kind = kind, .task = task, .attempt = attempt, .code = code}}, step.effects());
  step.Finish();
}

void DurableGroup::OnExit(uint32_t task, uint32_t attempt, Status status,
                          std::shared_ptr<const Payload> result, const OutputSizes& sizes) {
  Step step(this);
  if (attempts_.Find(task, attempt) == nullptr) return step.Finish();
  const Attempts::Attempt ended = attempts_.End(task, step.effects());
  const bool never_began = !status.ok() && status.failure().kind == FailureKind::kCancelled;
  if (ended.interrupted && (ended.told || never_began)) {
    Failure failure = *ended.stop_cause;
    if (!status.ok()) failure.message += " (" + status.failure().message + ")";
    LoseLocked(task, attempt, std::move(failure), std::make_shared<const OutputSizes>(sizes), step.effects());
    return step.Finish();
  }
  Fact fact{.command = {.kind = CommandKind::kExit,
                        .result = status.ok() ? state::Ending::kSucceeded : state::Ending::kFailed,
                        .task = task,
                        .attempt = attempt},
            .result = std::move(result),
            .output = std::make_shared<const OutputSizes>(sizes)};
  // Told to stop alone; by an earlier daemon, when only the task knows.
  FailureKind cancel = ended.cancel;
  if (cancel == FailureKind::kNone) cancel = ledger_.tasks()[task].pending.cancel;
  const bool cancelled = cancel != FailureKind::kNone && !ledger_.standing().pending().decided;
  if (!status.ok() || cancelled) {
    Failure failure = status.ok() ? Failure{.message = "it then ended without a failure"} : status.failure();
    failure.task = ledger_.tasks().Name(task);
    failure.attempt = attempt;
    if (cancelled) {  // that is the cause, how it took it comes second
      const std::string cause =
          ended.stop_cause != nullptr ? ended.stop_cause->message : "it had been told to stop";
      failure.message = cause + (failure.message.empty() ? "" : " (" + failure.message + ")");
      failure.kind = cancel;
    }
    fact.command.failure = failure.kind;
    fact.command.code = failure.code;
    fact.failure = Share(std::move(failure));
  }
  FactLocked(std::move(fact), step.effects());
  step.Finish();
}

void DurableGroup::OnLost(uint32_t task, uint32_t attempt, Failure failure, const OutputSizes& sizes) {
  Step step(this);
  if (attempts_.Find(task, attempt) == nullptr) return step.Finish();
  attempts_.End(task, step.effects());
  LoseLocked(task, attempt, std::move(failure), std::make_shared<const OutputSizes>(sizes), step.effects());
  const state::GroupState& group = ledger_.standing().pending();
  if (!ledger_.log().stopped() && !group.decided && ledger_.tasks()[task].pending.phase == Phase::kQueued) {
    step.effects().push.push_back(TicketLocked(task));
  }
  step.Finish();
}

// How the attempt ended is not known: the task runs again if it may.
void DurableGroup::LoseLocked(uint32_t task, uint32_t attempt, Failure failure,
                              std::shared_ptr<const OutputSizes> sizes, Effects& effects) {
  // One that was being cancelled ends with that kind, as its event says.
  const FailureKind cancel = ledger_.tasks()[task].pending.cancel;
  const bool cancelled = cancel != FailureKind::kNone && !ledger_.standing().pending().decided;
  failure.kind = cancelled ? cancel : FailureKind::kLost;
  failure.task = ledger_.tasks().Name(task);
  failure.attempt = attempt;
  const bool again = ledger_.tasks()[task].rerun_on_restart;
  FactLocked({.command = {.kind = again ? CommandKind::kRequeue : CommandKind::kExit,
                          .result = again ? state::Ending::kNone : state::Ending::kFailed,
                          .failure = FailureKind::kLost,
                          .task = task,
                          .attempt = attempt},
              .failure = Share(std::move(failure)),
              .output = std::move(sizes)},
             effects);
}

}  // namespace covey
