#include "core/engine/durable_group.h"

#include <algorithm>

#include "core/base/duration.h"
#include "core/engine/group_step.h"
#include "core/engine/queued_bytes.h"

namespace covey {

using state::CommandKind;
using state::Refusal;
using Phase = state::TaskState::Phase;
using std::chrono::nanoseconds;

namespace {

std::shared_ptr<const Failure> TimedOut(const GroupSpec& spec) {
  return Share(
      {.kind = FailureKind::kTimeout, .message = "the group timed out after " + SecondsText(spec.timeout)});
}

// The reply of a cancel that has stopped what runs, whether it could be written or not.
DurableGroup::Reply ToldToStop(DurableGroup::Reply done) {
  return [done = std::move(done)](std::optional<Error> failed) {
    if (failed && (failed->reason == "JOURNAL_FULL" || failed->reason == "JOURNAL_UNWRITABLE")) {
      failed->message =
          "what runs was told to stop; that it was cancelled is recorded once the journal can be written "
          "again";
    }
    done(std::move(failed));
  };
}

}  // namespace

std::shared_ptr<DurableGroup> DurableGroup::New(std::shared_ptr<const GroupEnvironment> environment,
                                                std::shared_ptr<const GroupSpec> spec,
                                                std::shared_ptr<Pool> pool, uint64_t epoch) {
  std::shared_ptr<DurableGroup> group(
      new DurableGroup(std::move(environment), std::move(spec), std::move(pool), epoch));
  MutexLock lock(group->mutex_);
  group->lane_ = group->attempts_.OpenLane(group, group->spec_->limit);
  EngineCounts& counts = *group->environment_->counts;
  if (group->pool_ != nullptr && group->environment_->counting)
    group->meter_.emplace(counts, counts.OfPool(group->spec_->pool));
  return group;
}

DurableGroup::DurableGroup(std::shared_ptr<const GroupEnvironment> environment,
                           std::shared_ptr<const GroupSpec> spec, std::shared_ptr<Pool> pool, uint64_t epoch)
    : environment_(std::move(environment)),
      spec_(std::move(spec)),
      pool_(pool.get()),
      ledger_(spec_, epoch),
      attempts_(std::move(pool), environment_->timers) {}

DurableGroup::~DurableGroup() {
  if (deadline_timer_ != TimerQueue::TimerId{}) environment_->timers->Cancel(deadline_timer_);
}

// -------------------------------------------------------------------------------------------------------------
// Commands

void DurableGroup::Create(std::vector<TaskSpec> tasks, bool seal, RequestMark request, Reply done) {
  Step step(this);
  if (auto error = ledger_.CheckSubmit(tasks)) return step.FinishWith(done, std::move(error));
  if (auto error = ReserveLocked(tasks)) return step.FinishWith(done, std::move(error));
  ledger_.Create(request.id.empty() ? nullptr : std::make_shared<const RequestMark>(std::move(request)),
                 environment_->wall_clock());
  if (spec_->timeout > nanoseconds(0)) SetDeadlineLocked(environment_->timers->Now() + spec_->timeout);
  AddTasksLocked(std::move(tasks), nullptr, step.effects());
  if (seal) DecideLocked({.command = {.kind = CommandKind::kSeal}}, step.effects());
  step.Finish(std::move(done));
}

void DurableGroup::Submit(std::vector<TaskSpec> tasks, bool seal, RequestMark request, SubmitDone done,
                          Submitter submitter) {
  Submit({.tasks = std::move(tasks), .seal = seal, .request = std::move(request), .submitter = submitter},
         std::move(done));
}

void DurableGroup::Submit(Submission submission, SubmitDone done) {
  Step step(this);
  if (submission.folded != ledger_.tasks().folded()) {
    if (std::vector<Mark> marks = MarksToFindLocked(submission); !marks.empty()) {
      submission.folded = ledger_.tasks().folded();
      step.Finish();
      return LookUp(std::move(submission), std::move(marks), std::move(done));
    }
  }
  const auto answer = [&done](SubmitReply reply) -> Reply {
    return [done, reply](std::optional<Error> failed) { failed ? done(std::move(*failed)) : done(reply); };
  };
  RequestMark& request = submission.request;
  if (const auto known = FindRequestLocked(submission)) {
    if (known->mark.fingerprint != request.fingerprint) {
      return step.FinishWith(
          done, Error{.code = ErrorCode::kInvalidArgument,
                      .reason = "REQUEST_ID_REUSED",
                      .message = "request_id was used with other content",
                      .fields = {{"request_id", "must be new for other content, got " + request.id}}});
    }
    const SubmitReply reply{.first_index = known->first, .count = known->mark.count};
    if (reply.first_index + reply.count <= ledger_.standing().committed().submitted) {
      return step.FinishWith(done, reply);
    }
    return step.Finish(answer(reply));
  }
  if (refusing_ && submission.submitter == Submitter::kAnybody) return step.FinishWith(done, RefusedByStop());
  if (ledger_.log().stopped()) return step.FinishWith(done, ledger_.log().Refusal());
  std::vector<TaskSpec>& tasks = submission.tasks;
  if (auto error = ledger_.CheckSubmit(tasks)) return step.FinishWith(done, *std::move(error));
  if (auto error = TaskTable::NameTaken(tasks, submission.found))
    return step.FinishWith(done, *std::move(error));
  if (auto error = ReserveLocked(tasks)) return step.FinishWith(done, *std::move(error));
  const SubmitReply reply{.first_index = ledger_.tasks().size(),
                          .count = static_cast<uint32_t>(tasks.size())};
  std::shared_ptr<const RequestMark> mark;
  if (!request.id.empty() && !tasks.empty()) {  // sealing alone may be repeated anyway
    request.count = reply.count;
    ledger_.Remember(request, reply.first_index);
    mark = std::make_shared<const RequestMark>(std::move(request));
  }
  AddTasksLocked(std::move(tasks), std::move(mark), step.effects());
  if (submission.seal) DecideLocked({.command = {.kind = CommandKind::kSeal}}, step.effects());
  step.Finish(answer(reply));
}

// Room for all of them, whether they find a slot or not; what starts at once gives its part back in this step.
std::optional<Error> DurableGroup::ReserveLocked(std::span<const TaskSpec> tasks) {
  if (tasks.empty()) return std::nullopt;
  Result<Reservation> room = environment_->queue->Reserve(QueuedAmount(tasks));
  if (!room.ok()) return room.error();
  queued_.Add(std::move(room.value()));
  return std::nullopt;
}

// Holds of the queue's budget what is queued now. What is there already is never refused: what comes back from
// an attempt, or from the journal.
void DurableGroup::HoldQueuedLocked() {
  const Budget::Amount queued = ledger_.queued();
  const Budget::Amount held = queued_.amount();
  const auto above = [](uint64_t a, uint64_t b) { return a > b ? a - b : 0; };
  const Budget::Amount more{above(queued.tasks, held.tasks), above(queued.bytes, held.bytes)};
  const Budget::Amount less{above(held.tasks, queued.tasks), above(held.bytes, queued.bytes)};
  if (more != Budget::Amount{}) queued_.Add(environment_->queue->ReserveAnyway(more));
  if (less != Budget::Amount{}) queued_.Release(less);
}

// Holds of the memory of all groups what is in memory here. When there is no room the journal alone keeps what it
// can: first the newest events, then the specs of what was submitted last.
void DurableGroup::HoldMemoryLocked() {
  const auto bytes = [this]()
                         COVEY_NO_TSA -> uint64_t { return ledger_.tasks().held_bytes() + feed_.bytes(); };
  const auto above = [](uint64_t a, uint64_t b) { return a > b ? a - b : 0; };
  const uint64_t held = memory_.amount().bytes;
  if (bytes() > held) {
    Result<Reservation> more = environment_->memory->Reserve({.bytes = bytes() - held});
    if (more.ok()) {
      memory_.Add(std::move(more.value()));
    } else {
      feed_.Forget();
      if (bytes() > held) ledger_.tasks().LeaveNewSpecs();
      if (bytes() > held) memory_.Add(environment_->memory->ReserveAnyway({.bytes = bytes() - held}));
    }
  }
  ledger_.tasks().KeepNewSpecs();
  if (const uint64_t less = above(memory_.amount().bytes, bytes())) memory_.Release({.bytes = less});
}

void DurableGroup::AddTasksLocked(std::vector<TaskSpec> tasks, std::shared_ptr<const RequestMark> request,
                                  Effects& effects) {
  const uint32_t first = ledger_.tasks().size();
  std::vector<bool> takes_slot;
  takes_slot.reserve(tasks.size());
  for (TaskSpec& task : tasks) {
    takes_slot.push_back(environment_->executors.For(task).slots() == SlotUse::kOne);
    ledger_.Submit(std::make_shared<const TaskSpec>(std::move(task)), std::exchange(request, nullptr),
                   environment_->wall_clock());
  }
  if (attempts_.suspended()) return;
  // A free slot makes submitted and started one append.
  const auto wanted = static_cast<size_t>(std::count(takes_slot.begin(), takes_slot.end(), true));
  size_t free = wanted == 0 ? 0 : lane_->TryAcquire(wanted);
  for (uint32_t i = 0; i < takes_slot.size(); ++i) {
    const uint32_t task = first + i;
    if (takes_slot[i] && free == 0) {
      effects.push.push_back(TicketLocked(task));
      continue;
    }
    if (takes_slot[i]) --free;
    DecideLocked({.command = {.kind = CommandKind::kStart, .task = task}}, effects);
    attempts_.Begin(task, ledger_.tasks()[task].pending.attempt,
                    takes_slot[i] ? Attempts::Slot::kHeld : Attempts::Slot::kNone);
  }
}

void DurableGroup::Seal(Reply done) {
  Step step(this);
  if (!ledger_.log().stopped()) DecideLocked({.command = {.kind = CommandKind::kSeal}}, step.effects());
  step.Finish(std::move(done));
}

void DurableGroup::Cancel(Failure cause, Reply done) {
  Step step(this);
  Fact fact{.command = {.kind = CommandKind::kCancel}, .failure = Share(std::move(cause))};
  if (done == nullptr || !DoubtfulLocked()) {
    FactLocked(std::move(fact), step.effects());
    return step.Finish(done == nullptr ? nullptr : ToldToStop(std::move(done)));
  }
  if (ledger_.log().stopped()) return step.FinishWith(done, ledger_.log().Refusal());
  DecideAloneLocked(fact, step.effects());
  step.Finish(ThenStop(std::nullopt, fact.failure, std::move(done)));
}

void DurableGroup::CancelTask(const std::string& name, Failure cause, Reply done) {
  if (const auto task = FindTask(name)) return CancelTask(*task, std::move(cause), std::move(done));
  done(TaskNotFound(spec_->id, name));
}

void DurableGroup::CancelTask(uint32_t task, Failure cause, Reply done) {
  Step step(this);
  auto shared = Share(std::move(cause));
  Fact fact{.command = {.kind = CommandKind::kCancelTask, .failure = FailureKind::kCancelled, .task = task},
            .failure = shared};
  if (DoubtfulLocked()) {
    if (ledger_.log().stopped()) return step.FinishWith(done, ledger_.log().Refusal());
    DecideAloneLocked(fact, step.effects());
    return step.Finish(ThenStop(task, std::move(shared), std::move(done)));
  }
  FactLocked(std::move(fact), step.effects());
  if (Attempts::Attempt* const attempt = attempts_.Find(task)) {
    attempt->cancel = FailureKind::kCancelled;
    attempts_.Stop(*attempt, std::move(shared), step.effects());
  } else {
    WithdrawLocked(task);
  }
  step.Finish(ToldToStop(std::move(done)));
}

void DurableGroup::DecideAloneLocked(const Fact& fact, Effects& effects) {
  stops_held_ = true;
  DecideLocked(fact, effects);
  stops_held_ = false;
}

DurableGroup::Reply DurableGroup::ThenStop(std::optional<uint32_t> task, std::shared_ptr<const Failure> cause,
                                           Reply done) {
  return [self = shared_from_this(), task, cause = std::move(cause),
          done = std::move(done)](std::optional<Error> failed) {
    if (!failed) self->StopNow(task, cause);
    done(std::move(failed));
  };
}

void DurableGroup::StopNow(std::optional<uint32_t> task, std::shared_ptr<const Failure> cause) {
  Step step(this);
  if (!task) {
    // A decision that came first has its own cause.
    const auto& decided = ledger_.standing().failure();
    if (!attempts_.empty()) attempts_.StopAll(decided != nullptr ? decided : cause, step.effects());
  } else if (Attempts::Attempt* const attempt = attempts_.Find(*task)) {
    attempt->cancel = FailureKind::kCancelled;
    attempts_.Stop(*attempt, std::move(cause), step.effects());
  } else {
    WithdrawLocked(*task);
  }
  step.Finish();
}

// A task that was cancelled in the queue waits for nothing any more.
void DurableGroup::WithdrawLocked(uint32_t task) {
  if (lane_ != nullptr && ledger_.tasks()[task].pending.phase == Phase::kEnded)
    lane_->Withdraw(TicketLocked(task));
}

void DurableGroup::Arm() {
  if (environment_->parked) return;
  Step step(this);
  ++arms_;
  ledger_.SetArmed(true);
  if (!ledger_.log().stopped()) DecideLocked({.command = {.kind = CommandKind::kArm}}, step.effects());
  step.Finish();
}

void DurableGroup::Disarm() {
  MutexLock lock(mutex_);
  if (--arms_ == 0) ledger_.SetArmed(false);
}

// -------------------------------------------------------------------------------------------------------------
// Decisions

Refusal DurableGroup::DecideLocked(Fact fact, Effects& effects) {
  if (fact.at == WallTime{}) fact.at = environment_->wall_clock();
  const bool decided = ledger_.standing().pending().decided;
  const Refusal refusal = ledger_.Decide(fact);
  if (!decided && ledger_.standing().pending().decided) OnDecidedLocked(effects);
  return refusal;
}

void DurableGroup::FactLocked(Fact fact, Effects& effects) {
  fact.at = environment_->wall_clock();
  if (ledger_.log().stopped()) {
    // Decided once the log goes on; what runs is stopped now all the same.
    if (fact.command.kind == CommandKind::kCancel || fact.command.kind == CommandKind::kExpire) {
      attempts_.StopAll(fact.failure, effects);
    }
    ledger_.log().PutOff(std::move(fact));
    return;
  }
  if (DecideLocked(fact, effects) == Refusal::kNone) ledger_.log().AddFact(std::move(fact));
}

void DurableGroup::OnDecidedLocked(Effects& effects) {
  lane_->Clear();
  effects.push.clear();
  if (deadline_timer_ != TimerQueue::TimerId{}) {
    environment_->timers->Cancel(deadline_timer_);
    deadline_timer_ = TimerQueue::TimerId{};
  }
  const auto& cause = ledger_.standing().failure();
  if (!attempts_.empty() && !stops_held_) attempts_.StopAll(cause != nullptr ? cause : Won(), effects);
}

void DurableGroup::SetDeadlineLocked(Clock::time_point deadline) {
  deadline_ = deadline;
  deadline_timer_ = environment_->timers->Schedule(deadline_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->OnDeadline();
  });
}

void DurableGroup::OnDeadline() {
  Step step(this);
  deadline_timer_ = TimerQueue::TimerId{};
  FactLocked({.command = {.kind = CommandKind::kExpire}, .failure = TimedOut(*spec_)}, step.effects());
  step.Finish();
}

uint64_t DurableGroup::TicketLocked(uint32_t task) const {
  return Ticket{.task = task, .attempt = ledger_.tasks()[task].pending.attempt + 1}.Pack();
}

void DurableGroup::PushQueuedLocked(Effects& effects) {
  if (ledger_.standing().pending().decided) return;
  ledger_.tasks().ForEach([&](uint32_t task) COVEY_NO_TSA {
    if (ledger_.tasks()[task].pending.phase == Phase::kQueued) effects.push.push_back(TicketLocked(task));
  });
}

// -------------------------------------------------------------------------------------------------------------
// After a restart

bool DurableGroup::Replay(std::shared_ptr<const Batch> records) {
  MutexLock lock(mutex_);
  damage_ = ledger_.Fold(*records);
  if (damage_) return false;
  feed_.Add(std::move(records));
  HoldMemoryLocked();
  return true;
}

uint64_t DurableGroup::MissingSpec() const {
  MutexLock lock(mutex_);
  if (const uint64_t first = ledger_.tasks().MissingFirst()) return first;
  const std::optional<uint32_t> task = ledger_.tasks().FirstRunningWithoutSpec();
  return task ? ledger_.tasks()[*task].number : 0;
}

void DurableGroup::TakeSpecs(const std::vector<Record>& records) {
  MutexLock lock(mutex_);
  for (const Record& record : records) ledger_.tasks().TakeSpec(record.event.task, record.task);
  HoldMemoryLocked();
}

void DurableGroup::SetDamage(Error damage) {
  MutexLock lock(mutex_);
  damage_ = std::move(damage);
}

void DurableGroup::Resume(Reply done) {
  RecoverAttempts();
  Step step(this);
  Effects& effects = step.effects();
  const auto pending = [this]()
                           COVEY_NO_TSA -> const state::GroupState& { return ledger_.standing().pending(); };
  if (spec_->attached && !pending().decided) {
    FactLocked({.command = {.kind = CommandKind::kCancel},
                .failure = Share({.kind = FailureKind::kCancelled,
                                  .message = "owner_lost: the daemon that served its owner died"})},
               effects);
  }
  LoseOrphansLocked("the daemon died before it had ended", effects);
  if (!pending().decided && spec_->timeout > nanoseconds(0)) {
    const nanoseconds rest =
        std::clamp<nanoseconds>(spec_->deadline - environment_->wall_clock(), nanoseconds(0), spec_->timeout);
    if (rest > nanoseconds(0)) {
      SetDeadlineLocked(environment_->timers->Now() + rest);
    } else {  // it passed meanwhile: nothing starts any more
      FactLocked({.command = {.kind = CommandKind::kExpire}, .failure = TimedOut(*spec_)}, effects);
    }
  }
  PushQueuedLocked(effects);
  step.Finish(std::move(done));
}

// What is said to run and has no attempt here.
void DurableGroup::LoseOrphansLocked(const char* why, Effects& effects) {
  ledger_.tasks().ForEach([&](uint32_t task) COVEY_NO_TSA {
    const state::TaskState& state = ledger_.tasks()[task].pending;
    if (state.phase == Phase::kRunning && attempts_.Find(task) == nullptr)
      LoseLocked(task, state.attempt, {.message = why}, nullptr, effects);
  });
}

// Asks the executors for attempts that outlived the daemon; those that they know are under way again.
void DurableGroup::RecoverAttempts() {
  std::vector<Effects::Start> running;
  {
    MutexLock lock(mutex_);
    ledger_.tasks().ForEach([&](uint32_t task) COVEY_NO_TSA {
      const state::TaskState& state = ledger_.tasks()[task].pending;
      if (state.phase != Phase::kRunning) return;
      attempts_.Begin(task, state.attempt, Attempts::Slot::kNone).launched = true;
      running.push_back(MakeStartLocked(task, state.attempt));
    });
  }
  for (Effects::Start& each : running) {
    const uint32_t task = each.launch.index;
    auto execution = each.executor->Recover(each.launch, std::move(each.listener));
    MutexLock lock(mutex_);
    Attempts::Attempt* const attempt = attempts_.Find(task, each.launch.attempt);
    if (attempt == nullptr) continue;  // it has ended already
    if (execution == nullptr) {
      Effects none;
      attempts_.End(task, none);
      continue;
    }
    attempt->execution = std::move(execution);
    if (each.executor->slots() == SlotUse::kOne) {
      lane_->Adopt(1);
      attempt->slot = Attempts::Slot::kHeld;
    }
  }
}

}  // namespace covey
