#include <algorithm>

#include "core/engine/group_effects.h"

// DurableGroup: slots and attempts, and the building of one append.

namespace covey {
namespace {

constexpr size_t kDetailBytes = 4096;

}  // namespace

using state::Command;
using state::CommandKind;
using state::Event;
using state::EventKind;
using state::Policy;
using state::Refusal;
using state::TaskState;
using std::chrono::nanoseconds;

// ---------------------------------------------------------------------------------------------------------------
// Slots and attempts

void DurableGroup::OnGranted(uint64_t ticket) {
  const auto self = weak_from_this().lock();
  Effects effects;
  if (self == nullptr) {
    lane_->Release();
    return;
  }
  {
    MutexLock lock(mutex_);
    const auto task = static_cast<uint32_t>(ticket);
    if (failing_) {
      parked_.push_back(ticket);
      effects.release = 1;
    } else if (task >= tasks_.size() || attempts_.contains(task) ||
               StepLocked({.kind = CommandKind::kStart, .task = task}, nullptr, nullptr, effects) !=
                   Refusal::kNone) {
      effects.release = 1;  // it was stopped in the queue
    } else {
      attempts_[task].number = tasks_[task].pending.attempt;
      FinishLocked(effects, nullptr);
    }
  }
  Run(std::move(effects));
}

void DurableGroup::StopAttemptLocked(Attempt& attempt, std::shared_ptr<const Failure> cause,
                                     Effects& effects) {
  if (attempt.stopping) return;
  attempt.stopping = true;
  attempt.stop_cause = std::move(cause);
  if (attempt.execution != nullptr) effects.stops.emplace_back(attempt.execution, attempt.stop_cause);
}

void DurableGroup::LaunchLocked(uint32_t task, Effects& effects) {
  const auto found = attempts_.find(task);
  COVEY_CHECK(found != attempts_.end() && !found->second.launched);
  Attempt& attempt = found->second;
  const TaskEntry& entry = tasks_[task];
  if (attempt.stopping) {  // stopped before it was started: it never will be
    const Failure why{.kind = attempt.stop_cause->kind,
                      .message = "stopped before it was started: " + attempt.stop_cause->message,
                      .task = NameLocked(task),
                      .attempt = attempt.number};
    const Command exit{.kind = CommandKind::kExit,
                       .result = state::Result::kFailed,
                       .failure = why.kind,
                       .task = task,
                       .attempt = attempt.number};
    attempts_.erase(found);
    ++effects.release;
    FactLocked({.command = exit, .failure = Share(why)}, effects);
    return;
  }
  attempt.launched = true;
  const auto now = environment_->steady_clock();
  std::optional<std::chrono::steady_clock::time_point> deadline;
  if (deadline_ != std::chrono::steady_clock::time_point{}) deadline = deadline_;
  if (entry.spec->timeout > nanoseconds(0)) {
    const auto own = now + entry.spec->timeout;
    deadline = deadline ? std::min(*deadline, own) : own;
    attempt.timeout =
        environment_->timers->Schedule(own, [weak = weak_from_this(), task, number = attempt.number] {
          if (const auto self = weak.lock()) self->OnTaskTimeout(task, number);
        });
  }
  const bool function = std::holds_alternative<FunctionSpec>(entry.spec->work);
  effects.starts.push_back(
      {.launch = {.group = spec_->id,
                  .task = NameLocked(task),
                  .index = task,
                  .attempt = attempt.number,
                  .spec = entry.spec,
                  .deadline = deadline,
                  .pool = pool_},
       .listener = std::make_shared<Listener>(shared_from_this(), task, attempt.number),
       .executor = function ? environment_->functions.get() : environment_->processes.get()});
}

void DurableGroup::OnProgress(uint32_t task, uint32_t attempt, CommandKind kind, int code) {
  Effects effects;
  {
    MutexLock lock(mutex_);
    FactLocked({.command = {.kind = kind, .task = task, .attempt = attempt, .code = code}}, effects);
    FinishLocked(effects, nullptr);
  }
  Run(std::move(effects));
}

void DurableGroup::OnExit(uint32_t task, uint32_t attempt, Status status,
                          std::shared_ptr<const Payload> result) {
  Effects effects;
  {
    MutexLock lock(mutex_);
    const auto found = attempts_.find(task);
    if (found == attempts_.end() || found->second.number != attempt) return;
    if (found->second.timeout != TimerQueue::TimerId{}) environment_->timers->Cancel(found->second.timeout);
    const std::shared_ptr<const Failure> stop_cause = found->second.stop_cause;
    const FailureKind cancel = found->second.cancel;
    attempts_.erase(found);
    effects.release = 1;

    Fact fact{.command = {.kind = CommandKind::kExit,
                          .result = status.ok() ? state::Result::kSucceeded : state::Result::kFailed,
                          .task = task,
                          .attempt = attempt},
              .result = std::move(result)};
    if (!status.ok()) {
      Failure failure = status.failure();
      failure.task = NameLocked(task);
      failure.attempt = attempt;
      if (failure.detail.size() > kDetailBytes) failure.detail.erase(0, failure.detail.size() - kDetailBytes);
      if (cancel != FailureKind::kNone && !pending_.decided) {
        // It ended because it was told to: that is the cause, how it took it comes second.
        failure.message = stop_cause->message + (failure.message.empty() ? "" : " (" + failure.message + ")");
        failure.kind = cancel;
      }
      fact.command.failure = failure.kind;
      fact.command.code = failure.code;
      fact.failure = Share(std::move(failure));
    }
    FactLocked(std::move(fact), effects);
    FinishLocked(effects, nullptr);
  }
  Run(std::move(effects));
}

void DurableGroup::OnTaskTimeout(uint32_t task, uint32_t attempt) {
  Effects effects;
  {
    MutexLock lock(mutex_);
    const auto found = attempts_.find(task);
    if (found == attempts_.end() || found->second.number != attempt) return;
    found->second.timeout = TimerQueue::TimerId{};
    auto cause = Share({.kind = FailureKind::kTimeout,
                        .message = "timed out after " + SecondsText(tasks_[task].spec->timeout),
                        .task = NameLocked(task),
                        .attempt = attempt});
    FactLocked({.command = {.kind = CommandKind::kCancelTask, .failure = FailureKind::kTimeout, .task = task},
                .failure = cause},
               effects);
    if (found->second.cancel == FailureKind::kNone) found->second.cancel = FailureKind::kTimeout;
    StopAttemptLocked(found->second, std::move(cause), effects);
    FinishLocked(effects, nullptr);
  }
  Run(std::move(effects));
}

void DurableGroup::OnDeadline() {
  Effects effects;
  {
    MutexLock lock(mutex_);
    deadline_timer_ = TimerQueue::TimerId{};
    FactLocked({.command = {.kind = CommandKind::kExpire}, .failure = TimedOut(*spec_)}, effects);
    FinishLocked(effects, nullptr);
  }
  Run(std::move(effects));
}

void DurableGroup::ScheduleDeadlineLocked(std::chrono::steady_clock::time_point deadline) {
  deadline_ = deadline;
  deadline_timer_ = environment_->timers->Schedule(deadline_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->OnDeadline();
  });
}

// ---------------------------------------------------------------------------------------------------------------
// Building an append

Record DurableGroup::MakeRecordLocked(const Event& event, std::shared_ptr<const Failure> failure,
                                      std::shared_ptr<const Payload> result) const {
  Record record{.time = environment_->wall_clock(), .event = event};
  if (event.task != state::kNoTask) record.task_name = tasks_[event.task].spec->name;
  record.failure = std::move(failure);
  record.result = std::move(result);
  return record;
}

void DurableGroup::FactLocked(Fact fact, Effects& effects) {
  if (failing_) {
    // Decided again once the journal can be written; what runs is stopped now all the same.
    if (fact.command.kind == CommandKind::kCancel || fact.command.kind == CommandKind::kExpire) {
      for (auto& [task, attempt] : attempts_) StopAttemptLocked(attempt, fact.failure, effects);
    }
    facts_.push_back(std::move(fact));
    return;
  }
  if (StepLocked(fact.command, fact.failure, fact.result, effects) == Refusal::kNone) {
    building_.facts.push_back(std::move(fact));
  }
}

Refusal DurableGroup::StepLocked(const Command& command, std::shared_ptr<const Failure> failure,
                                 std::shared_ptr<const Payload> result, Effects& effects) {
  state::EventBuffer events;
  const TaskState task = command.task == state::kNoTask ? TaskState{} : tasks_[command.task].pending;
  const Refusal refusal = Decide(pending_, task, command, events);
  for (const Event& event : events) {
    Record record = MakeRecordLocked(event, nullptr, nullptr);
    switch (event.kind) {
      case EventKind::kTaskSubmitted:
        record.task = tasks_[event.task].spec;
        record.request = std::exchange(building_request_, nullptr);
        break;
      case EventKind::kTaskExited:
        record.failure = failure;
        record.result = result;
        break;
      case EventKind::kGroupDecided:
        if (event.failure == FailureKind::kNone) break;
        // Tolerated failures that fail the group at its end have no one failure that says so.
        record.failure = event.failure == FailureKind::kError && pending_.policy != Policy::kAll
                             ? SummedUpLocked(failure)
                             : failure;
        decision_failure_ = record.failure;
        break;
      case EventKind::kCancelRequested:
        if (event.task != state::kNoTask) {
          record.failure = failure;
        } else {
          record.failure = decision_failure_ != nullptr ? decision_failure_ : Won();
        }
        break;
      default:
        break;
    }
    Apply(pending_, event);
    if (AboutTask(event)) Apply(tasks_[event.task].pending, event);
    record.number = ++pending_number_;
    if (event.kind == EventKind::kGroupDecided) {
      decided_ = record.time;
      DecidedLocked(record, effects);
    }
    if (event.kind == EventKind::kGroupCompleted) completed_ = record.time;
    building_.records.push_back(std::move(record));
  }
  return refusal;
}

// The failure of a group that ran to its end. `last`: of the task that ended now, if it failed.
std::shared_ptr<const Failure> DurableGroup::SummedUpLocked(
    const std::shared_ptr<const Failure>& last) const {
  Failure failure{.kind = FailureKind::kError};
  std::shared_ptr<const Failure> first = FirstFailureLocked(pending_);
  if (first == nullptr) first = last;
  if (pending_.submitted == 0) {
    failure.message = "no tasks";
  } else {
    failure.message =
        pending_.policy == Policy::kAny
            ? "no task succeeded"
            : std::to_string(pending_.failed) + " of " + std::to_string(pending_.submitted) + " tasks failed";
  }
  if (first != nullptr) {
    failure.message += "; first " + Status(*first).ToString();
    failure.detail = first->detail;
    failure.task = first->task;
    failure.attempt = first->attempt;
  }
  return Share(std::move(failure));
}

// The failure of the first task that failed in `group`, which is pending_ or committed_.
std::shared_ptr<const Failure> DurableGroup::FirstFailureLocked(const state::GroupState& group) const {
  if (group.first_failed == state::kNoTask) return nullptr;
  if (!failures_.empty()) return failures_.front();
  const auto find = [&](std::span<const Record> records) -> std::shared_ptr<const Failure> {
    for (const Record& record : records) {
      if (record.event.kind == EventKind::kTaskExited && record.event.task == group.first_failed)
        return record.failure;
    }
    return nullptr;
  };
  for (const InFlight& in_flight : in_flight_) {
    if (auto failure = find(in_flight.batch->records())) return failure;
  }
  return find(building_.records);
}

void DurableGroup::DecidedLocked(const Record& record, Effects& effects) {
  lane_->Clear();
  effects.push.clear();
  if (deadline_timer_ != TimerQueue::TimerId{}) {
    environment_->timers->Cancel(deadline_timer_);
    deadline_timer_ = TimerQueue::TimerId{};
  }
  if (attempts_.empty()) return;
  const auto cause = record.failure != nullptr ? record.failure : Won();
  for (auto& [task, attempt] : attempts_) StopAttemptLocked(attempt, cause, effects);
}

void DurableGroup::FinishLocked(Effects& effects, Reply reply) {
  if (failing_) {
    if (reply != nullptr) {
      effects.calls.push_back([reply = std::move(reply), error = RefusedLocked()] { reply(error); });
    }
    return;
  }
  if (building_.records.empty()) {  // nothing to write: true when what is in flight is
    building_.facts.clear();
    if (reply == nullptr) return;
    if (in_flight_.empty()) {
      effects.calls.push_back([reply = std::move(reply)] { reply(std::nullopt); });
    } else {
      in_flight_.back().replies.push_back(std::move(reply));
    }
    return;
  }
  if (reply != nullptr) building_.replies.push_back(std::move(reply));
  building_.batch = std::make_shared<const Batch>(std::move(building_.records));
  Append append{.group = spec_->id,
                .epoch = environment_->epoch,
                .expected = building_.batch->first() - 1,
                .commit_id = commit_ids_.Next(),
                .batch = building_.batch};
  for (const Record& record : building_.batch->records()) {
    if (record.event.kind == EventKind::kGroupCreated || record.event.kind == EventKind::kGroupDecided ||
        record.event.kind == EventKind::kGroupCompleted) {
      append.summary = ViewLocked(pending_, pending_number_);
      break;
    }
  }
  in_flight_.push_back(std::move(building_));
  building_ = {};
  outbox_.push_back(std::move(append));
  ++unanswered_;
}

}  // namespace covey
