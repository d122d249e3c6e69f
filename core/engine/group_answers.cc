#include <algorithm>

#include "core/engine/group_step.h"

// DurableGroup: the answers of the journal, and what is done once the lock is gone.

namespace covey {

using state::CommandKind;
using state::EventKind;
using Phase = state::TaskState::Phase;

void DurableGroup::OnAppended(const AppendResult& result) {
  using Kind = AppendResult::Kind;
  if (result.kind == Kind::kCommitted || result.kind == Kind::kFailed || result.kind == Kind::kUnknown) {
    const bool fails = result.kind != Kind::kCommitted;
    if (environment_->journal_fails != fails) environment_->journal_fails = fails;
  }
  Step step(this);
  if (ledger_.log().OnAnswer(result)) {
    step.effects().calls.push_back([this, why = ledger_.log().why()] {
      environment_->warn("group " + spec_->id + ": append failed: " + why);
    });
  }
  SettleLocked(step.effects());
  step.Finish();
}

// Commits what is known to be written; then what is to be done about the rest.
void DurableGroup::SettleLocked(Effects& effects) {
  while (const auto entry = ledger_.log().TakeCommitted()) CommitLocked(*entry, effects);
  FoldLocked(effects);
  effects.notice = effects.events && feed_.OweNotice();
  switch (ledger_.log().Settle()) {
    case GroupLog::Todo::kNothing:
      break;
    case GroupLog::Todo::kRollBack:
      RollBackLocked(effects);
      if (ledger_.log().committed() > 0) RetryLaterLocked(&DurableGroup::Retry);
      break;
    case GroupLog::Todo::kRead:
      RollBackLocked(effects);
      RetryLaterLocked(&DurableGroup::ReadOn);
      break;
    case GroupLog::Todo::kResend:
      RetryLaterLocked(&DurableGroup::Resend);
      break;
    case GroupLog::Todo::kDrop:
      RollBackLocked(effects);
      if (ledger_.log().fenced()) DropLocked(effects);
      break;
  }
}

void DurableGroup::CommitLocked(const GroupLog::Entry& entry, Effects& effects) {
  ledger_.Commit(*entry.batch);
  if (meter_) meter_->OnCommitted(*entry.batch, ledger_);
  feed_.Add(entry.batch);
  effects.events = true;
  for (const GroupLog::Reply& reply : entry.replies) {
    effects.calls.push_back([reply] { reply(std::nullopt); });
  }
  for (const Record& record : entry.batch->records()) {
    const state::Event& event = record.event;
    switch (event.kind) {
      case EventKind::kTaskStarted:
        LaunchLocked(event.task, effects);
        break;
      case EventKind::kTaskExited:
        if (event.result != state::Ending::kNone) feed_.TaskEnded(event.task, &effects.calls);
        if (event.failure == FailureKind::kLost) TellTroubleLocked(record, effects);
        break;
      case EventKind::kCancelKilled:
        TellTroubleLocked(record, effects);
        break;
      case EventKind::kGroupDecided:  // what waited in the queue never starts
        ledger_.tasks().LeaveQueuedSpecs();
        feed_.TasksEnded(
            [this](uint32_t task) COVEY_NO_TSA {
              return Stopped(ledger_.standing().committed(), ledger_.tasks()[task].committed);
            },
            &effects.calls);
        TellDecidedLocked(record, effects);
        break;
      case EventKind::kGroupCompleted:
        effects.completed = true;
        feed_.Over(&effects.calls);
        break;
      default:
        break;
    }
  }
}

void DurableGroup::TellDecidedLocked(const Record& record, Effects& effects) const {
  const std::shared_ptr<ActivityListener>& activity = environment_->activity;
  if (activity == nullptr) return;
  if (record.event.outcome == state::Outcome::kSucceeded && !activity->WantsSuccesses()) return;
  const GroupSummary now = ledger_.View();
  effects.calls.push_back([activity, decision = GroupDecision{.group = spec_,
                                                              .state = now.state,
                                                              .why = now.failure,
                                                              .first_failure = now.first_failure,
                                                              .after = record.time - now.created,
                                                              .stopped_in_queue = record.event.count}] {
    activity->OnDecided(decision);
  });
}

void DurableGroup::TellTroubleLocked(const Record& record, Effects& effects) const {
  using What = AttemptTrouble::What;
  const std::shared_ptr<ActivityListener>& activity = environment_->activity;
  if (activity == nullptr) return;
  const state::Event& event = record.event;
  What what = What::kKilled;
  if (event.kind == EventKind::kTaskExited)
    what = event.result == state::Ending::kNone ? What::kRunAgain : What::kLost;
  effects.calls.push_back(
      [activity, trouble = AttemptTrouble{.what = what,
                                          .group = spec_,
                                          .task = ledger_.tasks().Name(event.task),
                                          .attempt = event.attempt,
                                          .why = record.failure}] { activity->OnTrouble(trouble); });
}

void DurableGroup::RollBackLocked(Effects& effects) {
  const bool decided = ledger_.standing().pending().decided;
  const std::vector<GroupLog::Entry> lost = ledger_.RollBack();
  for (const GroupLog::Entry& entry : lost) {
    for (const Record& record : entry.batch->records()) {
      if (record.event.kind != EventKind::kTaskStarted) continue;
      const Attempts::Attempt* const attempt = attempts_.Find(record.event.task);
      if (attempt != nullptr && !attempt->launched) attempts_.End(record.event.task, effects);
    }
    for (const GroupLog::Reply& reply : entry.replies) {
      effects.calls.push_back([reply, error = ledger_.log().Refusal()] { reply(error); });
    }
  }
  // It may hold tickets of tasks that were dropped, or have been cleared by a decision that was.
  lane_->Clear();
  const bool undecided = decided && !ledger_.standing().committed().decided;
  // When it was the deadline that decided, that is a fact and decides again.
  if (undecided && deadline_ != Clock::time_point{} && !ledger_.log().PutOff(CommandKind::kExpire)) {
    SetDeadlineLocked(std::max(deadline_, environment_->timers->Now()));
  }
  if (ledger_.log().committed() == 0 && deadline_timer_ != TimerQueue::TimerId{}) {  // it was never made
    environment_->timers->Cancel(deadline_timer_);
    deadline_timer_ = TimerQueue::TimerId{};
  }
}

// Another owner has the group: whatever runs here must stop, and nobody may wait for it here.
void DurableGroup::DropLocked(Effects& effects) {
  if (deadline_timer_ != TimerQueue::TimerId{}) {
    environment_->timers->Cancel(deadline_timer_);
    deadline_timer_ = TimerQueue::TimerId{};
  }
  attempts_.StopAll(Share({.kind = FailureKind::kLost, .message = ledger_.log().why()}), effects);
  feed_.Over(&effects.calls);
  effects.completed = true;
}

void DurableGroup::RetryLaterLocked(void (DurableGroup::*next)()) {
  environment_->timers->ScheduleAfter(ledger_.log().delay(), [weak = weak_from_this(), next] {
    if (const auto self = weak.lock()) (self.get()->*next)();
  });
}

void DurableGroup::Retry() {
  Step step(this);
  Effects& effects = step.effects();
  for (Fact& fact : ledger_.log().Resume()) {
    if (DecideLocked(fact, effects) == state::Refusal::kNone) ledger_.log().AddFact(std::move(fact));
  }
  if (ledger_.standing().pending().armed) DecideLocked({.command = {.kind = CommandKind::kArm}}, effects);
  LoseOrphansLocked("the daemon that started it wrote no more", effects);
  PushQueuedLocked(effects);
  step.Finish();
}

void DurableGroup::Resend() {
  {
    MutexLock lock(mutex_);
    ledger_.log().Resend();
  }
  Send();
}

// The journal holds events that are not known here: they come first.
void DurableGroup::ReadOn() {
  uint64_t from = 0;
  {
    MutexLock lock(mutex_);
    from = ledger_.log().committed() + 1;
  }
  constexpr PageLimit kPage{.count = 2000};
  environment_->journal->Read(
      id(), from, kPage, [self = shared_from_this()](auto records) { self->OnRead(std::move(records)); });
}

void DurableGroup::OnRead(Result<std::vector<Record>> records) {
  Step step(this);
  Effects& effects = step.effects();
  if (!records.ok()) {
    RetryLaterLocked(&DurableGroup::ReadOn);
    return step.Finish();
  }
  if (records.value().empty()) {
    RetryLaterLocked(&DurableGroup::Retry);
    return step.Finish();
  }
  auto batch = std::make_shared<const Batch>(std::move(records.value()));
  if (auto error = ledger_.Fold(*batch)) {
    effects.calls.push_back([this, why = error->message] { environment_->warn(why); });
    return step.Finish();
  }
  feed_.Add(batch);
  effects.events = true;
  effects.notice = feed_.OweNotice();
  // What runs here and is over there must stop; what runs there and not here is nobody's.
  if (ledger_.standing().pending().decided) OnDecidedLocked(effects);
  RetryLaterLocked(&DurableGroup::ReadOn);
  step.Finish();
  environment_->answers->Flush();
}

// -------------------------------------------------------------------------------------------------------------
// Outside the lock

void DurableGroup::CarryOut(Effects effects) {
  for (const auto& [execution, cause] : effects.stops) execution->Stop(*cause);
  Send();
  if (effects.specs_from != 0) ReadSpecs(effects.specs_from);
  if (!effects.push.empty()) {
    const Status pushed = lane_->Push(effects.push);
    if (!pushed.ok()) environment_->warn("group " + id() + ": its pool is closed, its tasks will not run");
  }
  for (Effects::Start& start : effects.starts) {
    const Launch& launch = start.launch;
    environment_->output->Begin(id(), launch.index, launch.attempt, spec_->paced_output);
    std::shared_ptr<Execution> execution = start.executor->Start(launch, std::move(start.listener));
    std::shared_ptr<const Failure> stop;
    {
      MutexLock lock(mutex_);
      stop = attempts_.Started(launch.index, launch.attempt, execution);
    }
    if (stop != nullptr) execution->Stop(*stop);
  }
  // Before the replies: who is told that the group is over may delete it.
  if (effects.completed && environment_->on_completed) environment_->on_completed(id());
  for (const auto& call : effects.calls) call();
  if (effects.fold) PutSnapshot(*std::move(effects.fold));
  if (effects.release > 0) lane_->Release(effects.release);
  if (effects.events && environment_->on_events) environment_->on_events();
  if (effects.notice) environment_->answers->PostLast([self = shared_from_this()] { self->TellWatchers(); });
}

void DurableGroup::TellWatchers() {
  GroupFeed::Calls calls;
  {
    MutexLock lock(mutex_);
    feed_.Notify(&calls);
  }
  for (const auto& call : calls) call();
}

void DurableGroup::Send() {
  MutexLock lock(mutex_);
  if (!ledger_.log().BeginSending()) return;
  while (std::optional<Append> append = ledger_.log().Next()) {
    lock.Unlock();
    environment_->journal->AppendAsync(*std::move(append), [self = shared_from_this()](AppendResult result) {
      self->environment_->answers->Post([self, result = std::move(result)] { self->OnAppended(result); });
    });
    environment_->answers->Flush();
    lock.Lock();
  }
}

}  // namespace covey
