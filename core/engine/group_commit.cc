#include <algorithm>

#include "core/engine/group_effects.h"

// DurableGroup: the answers of the journal, and what is done once the lock is gone.

namespace covey {
namespace {

constexpr size_t kRecentEvents = 1024;
constexpr std::chrono::milliseconds kFirstRetry{100};
constexpr std::chrono::milliseconds kLastRetry{10'000};

Error Unwritable(const std::string& why) {
  return {.code = ErrorCode::kUnavailable,
          .reason = "JOURNAL_UNWRITABLE",
          .message = "the journal could not be written, nothing was changed: " + why};
}

}  // namespace

using state::CommandKind;
using state::Event;
using state::EventKind;
using state::TaskState;
using Phase = state::TaskState::Phase;
using std::chrono::milliseconds;

// ---------------------------------------------------------------------------------------------------------------
// Answers of the journal

void DurableGroup::CommitLocked(const Record& record, Effects& effects) {
  const Event& event = record.event;
  Apply(committed_, event);
  committed_number_ = record.number;
  effects.events = true;
  if (AboutTask(event)) {
    TaskEntry& entry = tasks_[event.task];
    Apply(entry.committed, event);
    if (event.kind == EventKind::kTaskSubmitted) entry.submitted = record.time;
    if (event.kind == EventKind::kTaskStarted) entry.started = record.time;
    if (event.kind == EventKind::kTaskExited && event.result != state::Result::kNone) {
      entry.ended = record.time;
      entry.ended_number = record.number;
      entry.failure = record.failure;
      entry.result = record.result;
      if (event.result == state::Result::kFailed && record.failure != nullptr &&
          failures_.size() < GroupEnd::kMaxFailures) {
        failures_.push_back(record.failure);
      }
    }
  }
  recent_.push_back(record);
  if (recent_.size() > kRecentEvents) recent_.pop_front();
  if (event.kind == EventKind::kGroupDecided) decided_number_ = record.number;
  if (event.kind == EventKind::kGroupCompleted) effects.completed = true;
}

void DurableGroup::OnAppended(AppendResult result) {
  Effects effects;
  {
    MutexLock lock(mutex_);
    COVEY_CHECK(unanswered_ > 0);
    --unanswered_;
    switch (result.kind) {
      case AppendResult::Kind::kCommitted:
        journal_head_ = std::max(journal_head_, result.head);
        break;
      case AppendResult::Kind::kUnknown:
        head_unknown_ = true;
        [[fallthrough]];
      case AppendResult::Kind::kBehind:
      case AppendResult::Kind::kFenced:
      case AppendResult::Kind::kDuplicate:
      case AppendResult::Kind::kFailed:
        if (!failing_) {
          failing_ = true;
          conflict_ =
              result.kind != AppendResult::Kind::kFailed && result.kind != AppendResult::Kind::kUnknown;
          failure_text_ = conflict_ ? "another owner has written to it" : result.error;
          effects.calls.push_back([this, why = failure_text_] {
            environment_->warn("group " + spec_->id + ": append failed: " + why);
          });
        }
        break;
    }
    SettleLocked(effects);
  }
  Run(std::move(effects));
}

// Commits what is known to be written; when failing and all is answered, drops the rest.
void DurableGroup::SettleLocked(Effects& effects) {
  while (!in_flight_.empty() && in_flight_.front().batch->last() <= journal_head_) {
    InFlight done = std::move(in_flight_.front());
    in_flight_.pop_front();
    std::vector<uint32_t> started;
    for (const Record& record : done.batch->records()) {
      CommitLocked(record, effects);
      if (record.event.kind == EventKind::kTaskStarted) started.push_back(record.event.task);
    }
    for (Reply& reply : done.replies) {
      effects.calls.push_back([reply = std::move(reply)] { reply(std::nullopt); });
    }
    for (const uint32_t task : started) {
      if (const auto found = attempts_.find(task); found != attempts_.end() && !found->second.launched) {
        LaunchLocked(task, effects);
      }
    }
    retry_delay_ = milliseconds(0);
  }
  if (!failing_) {
    FinishLocked(effects, nullptr);  // exits of what was stopped before its start
  } else if (unanswered_ == 0) {
    if (head_unknown_) {
      effects.head = true;
    } else {
      RollBackLocked(effects);
    }
  }
  if (effects.events) {
    for (auto& [id, notify] : watchers_) effects.calls.push_back(notify);
    for (auto it = task_waiters_.begin(); it != task_waiters_.end();) {
      const TaskState& task = tasks_[it->second.first].committed;
      if (task.phase == Phase::kEnded || Stopped(committed_, task)) {
        effects.calls.push_back(std::move(it->second.second));
        it = task_waiters_.erase(it);
      } else {
        ++it;
      }
    }
  }
  if (effects.completed) {
    for (auto& [id, done] : waiters_) effects.calls.push_back(std::move(done));
    waiters_.clear();
  }
}

void DurableGroup::RollBackLocked(Effects& effects) {
  const bool lost_any = !in_flight_.empty();
  std::vector<Fact> facts;
  for (InFlight& lost : in_flight_) {
    for (const Record& record : lost.batch->records()) {
      const Event& event = record.event;
      if (event.kind == EventKind::kTaskSubmitted && !record.task->name.empty())
        names_.erase(record.task->name);
      if (event.kind == EventKind::kTaskStarted) {
        if (const auto found = attempts_.find(event.task);
            found != attempts_.end() && !found->second.launched) {
          attempts_.erase(found);
          ++effects.release;
        }
      }
      if (AboutTask(event) && event.task < committed_.submitted) {
        tasks_[event.task].pending = tasks_[event.task].committed;
      }
    }
    std::move(lost.facts.begin(), lost.facts.end(), std::back_inserter(facts));
    for (Reply& reply : lost.replies) {
      effects.calls.push_back([reply = std::move(reply), error = RefusedLocked()] { reply(error); });
    }
  }
  in_flight_.clear();
  // What was in flight happened before what came since.
  facts_.insert(facts_.begin(), std::make_move_iterator(facts.begin()), std::make_move_iterator(facts.end()));
  tasks_.resize(committed_.submitted);
  std::erase_if(requests_, [kept = committed_.submitted](const auto& entry) {
    return entry.second.second + entry.second.first.count > kept;
  });
  const bool undecided = pending_.decided && !committed_.decided;
  pending_ = committed_;
  pending_number_ = committed_number_;
  if (!committed_.decided) {
    decided_ = {};
    decision_failure_ = nullptr;
  }
  if (!committed_.completed) completed_ = {};
  // The lane may hold tickets of tasks that were dropped, or have been cleared by a decision that was.
  lane_->Clear();
  parked_.clear();
  if (committed_number_ == 0) {  // it was never made
    facts_.clear();
    return;
  }
  if (undecided && deadline_ != std::chrono::steady_clock::time_point{}) ScheduleDeadlineLocked(deadline_);
  if (!committed_.decided) {
    for (uint32_t task = 0; task < tasks_.size(); ++task) {
      if (tasks_[task].pending.phase == Phase::kQueued) parked_.push_back(task);
    }
  }
  if (lost_any) {
    BackOffLocked();
  } else {
    retry_delay_ = milliseconds(0);
  }
  environment_->timers->Schedule(environment_->steady_clock() + retry_delay_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Retry();
  });
}

void DurableGroup::BackOffLocked() {
  retry_delay_ = retry_delay_ == milliseconds(0) ? kFirstRetry : std::min(retry_delay_ * 2, kLastRetry);
}

// What a command is told that was not written.
Error DurableGroup::RefusedLocked() const {
  if (conflict_ && committed_number_ == 0) {
    return {.code = ErrorCode::kAlreadyExists,
            .reason = "GROUP_EXISTS",
            .message = "group " + spec_->id + " exists already, or was deleted lately"};
  }
  return Unwritable(failure_text_);
}

// After an unknown answer: what the journal holds is what was committed.
void DurableGroup::OnHead(Result<uint64_t> head) {
  Effects effects;
  {
    MutexLock lock(mutex_);
    if (!head.ok()) {
      BackOffLocked();
      environment_->timers->Schedule(environment_->steady_clock() + retry_delay_, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->AskHead();
      });
      return;
    }
    head_unknown_ = false;
    journal_head_ = std::max(journal_head_, head.value());
    SettleLocked(effects);
  }
  Run(std::move(effects));
}

void DurableGroup::AskHead() {
  environment_->journal->Head(
      id(), [self = shared_from_this()](Result<uint64_t> head) { self->OnHead(std::move(head)); });
}

void DurableGroup::Retry() {
  Effects effects;
  {
    MutexLock lock(mutex_);
    failing_ = conflict_ = false;
    std::vector<Fact> facts = std::move(facts_);
    facts_.clear();
    for (Fact& fact : facts) FactLocked(std::move(fact), effects);
    if (pending_.armed) StepLocked({.kind = CommandKind::kArm}, nullptr, nullptr, effects);
    if (!pending_.decided) effects.push.insert(effects.push.end(), parked_.begin(), parked_.end());
    parked_.clear();
    FinishLocked(effects, nullptr);
  }
  Run(std::move(effects));
}

// ---------------------------------------------------------------------------------------------------------------
// Outside the lock

void DurableGroup::Run(Effects effects) {
  for (const auto& [execution, cause] : effects.stops) execution->Stop(*cause);
  Send();
  if (effects.head) AskHead();
  if (!effects.push.empty()) {
    const Status pushed = lane_->Push(effects.push);
    if (!pushed.ok()) environment_->warn("group " + id() + ": its pool is closed, its tasks will not run");
  }
  for (Effects::Start& start : effects.starts) {
    environment_->output->Begin(id(), start.launch.index, start.launch.attempt);
    std::shared_ptr<Execution> execution = start.executor->Start(start.launch, std::move(start.listener));
    std::shared_ptr<const Failure> stop;
    {
      MutexLock lock(mutex_);
      const auto found = attempts_.find(start.launch.index);
      if (found != attempts_.end() && found->second.number == start.launch.attempt) {
        found->second.execution = execution;
        if (found->second.stopping) stop = found->second.stop_cause;
      }
    }
    if (stop != nullptr) execution->Stop(*stop);
  }
  for (const auto& call : effects.calls) call();
  if (effects.release > 0) lane_->Release(effects.release);
  if (effects.events && environment_->on_events) environment_->on_events();
  if (effects.completed && environment_->on_completed) environment_->on_completed(id());
}

void DurableGroup::Send() {
  MutexLock lock(mutex_);
  if (sending_) return;
  sending_ = true;
  while (!outbox_.empty()) {
    Append append = std::move(outbox_.front());
    outbox_.pop_front();
    lock.Unlock();
    environment_->journal->AppendAsync(std::move(append), [self = shared_from_this()](AppendResult result) {
      self->OnAppended(std::move(result));
    });
    lock.Lock();
  }
  sending_ = false;
}

}  // namespace covey
