#include "core/engine/durable_group.h"

#include <algorithm>
#include <charconv>
#include <unordered_set>

namespace covey {
namespace {

using state::Command;
using state::CommandKind;
using state::Event;
using state::EventKind;
using state::Policy;
using state::Refusal;
using state::TaskState;
using Phase = state::TaskState::Phase;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr size_t kRecentEvents = 1024;
constexpr size_t kDetailBytes = 4096;
constexpr milliseconds kFirstRetry{100};
constexpr milliseconds kLastRetry{10'000};

std::shared_ptr<const Failure> Share(Failure failure) {
  return std::make_shared<const Failure>(std::move(failure));
}

Error Unwritable(const std::string& why) {
  return {.code = ErrorCode::kUnavailable,
          .reason = "JOURNAL_UNWRITABLE",
          .message = "the journal could not be written, nothing was changed: " + why};
}

std::string Text(nanoseconds duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  char text[32];
  std::snprintf(text, sizeof text, "%g s", seconds);
  return text;
}

std::shared_ptr<const Failure> TimedOut(const GroupSpec& spec) {
  return Share({.kind = FailureKind::kTimeout, .message = "the group timed out after " + Text(spec.timeout)});
}

std::shared_ptr<const Failure> Won() {
  return Share({.kind = FailureKind::kCancelled, .message = "another task of the group has succeeded"});
}

// The number that `name` is the plain decimal form of.
std::optional<uint32_t> ParseIndex(std::string_view name) {
  uint32_t index = 0;
  if (name.empty() || name.size() > 10 || (name.size() > 1 && name[0] == '0')) return std::nullopt;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return index;
}

bool AboutTask(const Event& event) {
  switch (event.kind) {
    case EventKind::kTaskSubmitted:
    case EventKind::kTaskStarted:
    case EventKind::kTaskExited:
    case EventKind::kCancelDelivered:
    case EventKind::kCancelKilled:
    case EventKind::kCancelGone:
      return true;
    case EventKind::kCancelRequested:
      return event.task != state::kNoTask;
    case EventKind::kGroupCreated:
    case EventKind::kGroupSealed:
    case EventKind::kGroupDecided:
    case EventKind::kGroupCompleted:
      return false;
  }
  return false;
}

}  // namespace

// What a step causes outside the group, carried out without its lock, in this order.
struct DurableGroup::Effects {
  struct Start {
    Launch launch;
    std::shared_ptr<AttemptListener> listener;
    Executor* executor;
  };

  std::vector<std::pair<std::shared_ptr<Execution>, std::shared_ptr<const Failure>>> stops;
  std::vector<uint64_t> push;
  std::vector<Start> starts;
  std::vector<std::function<void()>> calls;
  size_t release = 0;  // slots
  bool head = false;   // ask the journal for the head
  bool events = false;
  bool completed = false;
};

// Brings word of one attempt to its group, which it keeps alive.
class DurableGroup::Listener final : public AttemptListener {
 public:
  Listener(std::shared_ptr<DurableGroup> group, uint32_t task, uint32_t attempt)
      : group_(std::move(group)), task_(task), attempt_(attempt) {}

  void OnOutput(OutputStream stream, std::string_view bytes) override {
    group_->environment_->output->Write(
        {.group = group_->id(), .task = task_, .attempt = attempt_, .stream = stream}, bytes);
  }
  void OnDelivered(int signal) override {
    group_->OnProgress(task_, attempt_, CommandKind::kDelivered, signal);
  }
  void OnKilled() override { group_->OnProgress(task_, attempt_, CommandKind::kKilled, 0); }
  void OnExit(Status status, std::shared_ptr<const Payload> result) override {
    group_->environment_->output->Finish(group_->id(), task_, attempt_);
    group_->OnExit(task_, attempt_, std::move(status), std::move(result));
  }

 private:
  const std::shared_ptr<DurableGroup> group_;
  const uint32_t task_;
  const uint32_t attempt_;
};

std::shared_ptr<DurableGroup> DurableGroup::New(std::shared_ptr<const GroupEnvironment> environment,
                                                std::shared_ptr<const GroupSpec> spec,
                                                std::shared_ptr<Pool> pool) {
  std::shared_ptr<DurableGroup> group(new DurableGroup(std::move(environment), std::move(spec)));
  if (pool != nullptr) {
    group->pool_ = pool;
    group->lane_ = std::make_unique<Lane>(std::move(pool), group.get(), group->spec_->limit);
  }
  return group;
}

DurableGroup::DurableGroup(std::shared_ptr<const GroupEnvironment> environment,
                           std::shared_ptr<const GroupSpec> spec)
    : environment_(std::move(environment)), spec_(std::move(spec)) {
  pending_.policy = committed_.policy = spec_->policy;
  pending_.max_failures = committed_.max_failures = spec_->max_failures;
}

DurableGroup::~DurableGroup() {
  if (deadline_timer_ != TimerQueue::TimerId{}) environment_->timers->Cancel(deadline_timer_);
}

// ---------------------------------------------------------------------------------------------------------------
// Commands

void DurableGroup::Create(std::vector<TaskSpec> tasks, bool seal, RequestMark request, Reply done) {
  Effects effects;
  {
    MutexLock lock(mutex_);
    if (auto error = CheckSubmitLocked(tasks)) {
      lock.Unlock();
      done(std::move(error));
      return;
    }
    Record created = MakeRecordLocked({.kind = EventKind::kGroupCreated}, nullptr, nullptr);
    created.group = spec_;
    if (!request.id.empty())
      created.request = creation_ = std::make_shared<const RequestMark>(std::move(request));
    created_ = created.time;
    created.number = ++pending_number_;
    building_.records.push_back(std::move(created));
    if (spec_->timeout > nanoseconds(0))
      ScheduleDeadlineLocked(environment_->steady_clock() + spec_->timeout);
    AddTasksLocked(std::move(tasks), effects);
    if (seal) StepLocked({.kind = CommandKind::kSeal}, nullptr, nullptr, effects);
    FinishLocked(effects, std::move(done));
  }
  Run(std::move(effects));
}

void DurableGroup::Submit(std::vector<TaskSpec> tasks, bool seal, RequestMark request, SubmitDone done) {
  Effects effects;
  std::optional<Error> error;
  {
    MutexLock lock(mutex_);
    const auto known = request.id.empty() ? requests_.end() : requests_.find(request.id);
    if (known != requests_.end()) {
      const auto& [mark, first] = known->second;
      if (mark.fingerprint != request.fingerprint) {
        error = Error{.code = ErrorCode::kInvalidArgument,
                      .reason = "REQUEST_ID_REUSED",
                      .message = "request_id was used with other content",
                      .fields = {{"request_id", "must be new for other content, got " + request.id}}};
      } else {
        const SubmitReply reply{.first_index = first, .count = mark.count};
        if (first + mark.count <= committed_.submitted) {
          effects.calls.push_back([done, reply] { done(reply); });
        } else {
          FinishLocked(effects, [done, reply](std::optional<Error> failed) {
            failed ? done(std::move(*failed)) : done(reply);
          });
        }
      }
    } else if (failing_) {
      error = RefusedLocked();
    } else if ((error = CheckSubmitLocked(tasks))) {
      // Told below.
    } else {
      const SubmitReply reply{.first_index = pending_.submitted,
                              .count = static_cast<uint32_t>(tasks.size())};
      if (!request.id.empty() && !tasks.empty()) {  // sealing alone may be repeated anyway
        request.count = reply.count;
        requests_.emplace(request.id, std::make_pair(request, reply.first_index));
        building_request_ = std::make_shared<const RequestMark>(std::move(request));
      }
      AddTasksLocked(std::move(tasks), effects);
      if (seal) StepLocked({.kind = CommandKind::kSeal}, nullptr, nullptr, effects);
      FinishLocked(effects, [done, reply](std::optional<Error> failed) {
        failed ? done(std::move(*failed)) : done(reply);
      });
    }
  }
  Run(std::move(effects));
  if (error) done(std::move(*error));
}

std::optional<Error> DurableGroup::CheckSubmitLocked(const std::vector<TaskSpec>& tasks) const {
  if (tasks.empty()) return std::nullopt;
  if (pending_.decided) {
    return Error{.code = ErrorCode::kFailedPrecondition,
                 .reason = "GROUP_DECIDED",
                 .message = "group " + spec_->id + " accepts no tasks: its outcome is decided"};
  }
  if (pending_.sealed) {
    return Error{.code = ErrorCode::kFailedPrecondition,
                 .reason = "GROUP_SEALED",
                 .message = "group " + spec_->id + " accepts no tasks: it is sealed"};
  }
  if (tasks.size() > state::kNoTask - pending_.submitted) {
    return Error{.code = ErrorCode::kResourceExhausted,
                 .reason = "GROUP_FULL",
                 .message = "group " + spec_->id + " holds as many tasks as it can"};
  }
  const auto taken = [](size_t i, const std::string& name) {
    return Error{.code = ErrorCode::kInvalidArgument,
                 .reason = "TASK_NAME_TAKEN",
                 .message = "two tasks of one group cannot have one name",
                 .fields = {{"tasks[" + std::to_string(i) + "].name",
                             "must be unique in the group, got " + name + ", which another task has"}}};
  };
  std::unordered_set<std::string_view> fresh;
  for (size_t i = 0; i < tasks.size(); ++i) {
    const std::string& name = tasks[i].name;
    if (name.empty()) continue;
    if (names_.contains(name) || !fresh.insert(name).second) return taken(i, name);
    const auto index = ParseIndex(name);  // may be what an unnamed task is called by
    if (!index) continue;
    const uint32_t first = pending_.submitted;
    const bool other_unnamed = *index < first ? tasks_[*index].spec->name.empty()
                                              : *index - first < tasks.size() && *index - first != i &&
                                                    tasks[*index - first].name.empty();
    if (other_unnamed) return taken(i, name);
  }
  for (size_t i = 0; i < tasks.size(); ++i) {
    if (!tasks[i].name.empty()) continue;
    const std::string name = std::to_string(pending_.submitted + i);
    if (names_.contains(name)) return taken(i, name);
  }
  return std::nullopt;
}

void DurableGroup::AddTasksLocked(std::vector<TaskSpec> tasks, Effects& effects) {
  const uint32_t first = pending_.submitted;
  for (TaskSpec& task : tasks) {
    const uint32_t index = pending_.submitted;
    if (!task.name.empty()) names_.emplace(task.name, index);
    tasks_.push_back({.spec = std::make_shared<const TaskSpec>(std::move(task))});
    const Refusal refusal = StepLocked({.kind = CommandKind::kSubmit}, nullptr, nullptr, effects);
    COVEY_CHECK(refusal == Refusal::kNone);
  }
  // A free slot makes submitted and started one append.
  const uint32_t count = pending_.submitted - first;
  const uint32_t now = count == 0 ? 0 : static_cast<uint32_t>(lane_->TryAcquire(count));
  for (uint32_t i = 0; i < count; ++i) {
    if (i >= now) {
      effects.push.push_back(first + i);
      continue;
    }
    StepLocked({.kind = CommandKind::kStart, .task = first + i}, nullptr, nullptr, effects);
    attempts_[first + i].number = tasks_[first + i].pending.attempt;
  }
}

void DurableGroup::Seal(Reply done) {
  Effects effects;
  {
    MutexLock lock(mutex_);
    if (failing_) {
      effects.calls.push_back([done = std::move(done), error = RefusedLocked()] { done(error); });
    } else {
      StepLocked({.kind = CommandKind::kSeal}, nullptr, nullptr, effects);
      FinishLocked(effects, std::move(done));
    }
  }
  Run(std::move(effects));
}

void DurableGroup::Cancel(Failure cause, Reply done) {
  Effects effects;
  {
    MutexLock lock(mutex_);
    FactLocked({.command = {.kind = CommandKind::kCancel}, .failure = Share(std::move(cause))}, effects);
    FinishLocked(effects, std::move(done));
  }
  Run(std::move(effects));
}

void DurableGroup::CancelTask(const std::string& name, Failure cause, Reply done) {
  Effects effects;
  std::optional<Error> error;
  {
    MutexLock lock(mutex_);
    const auto task = FindLocked(name);
    if (!task || *task >= committed_.submitted) {  // one that is not durable yet does not exist for others
      error = Error{.code = ErrorCode::kNotFound,
                    .reason = "TASK_NOT_FOUND",
                    .message = "group " + spec_->id + " has no task " + name};
    } else {
      auto shared = Share(std::move(cause));
      FactLocked(
          {.command = {.kind = CommandKind::kCancelTask, .failure = FailureKind::kCancelled, .task = *task},
           .failure = shared},
          effects);
      if (const auto attempt = attempts_.find(*task); attempt != attempts_.end()) {
        attempt->second.cancel = FailureKind::kCancelled;
        StopAttemptLocked(attempt->second, std::move(shared), effects);
      }
      FinishLocked(effects, std::move(done));
    }
  }
  Run(std::move(effects));
  if (error) done(std::move(error));
}

void DurableGroup::Arm() {
  Effects effects;
  {
    MutexLock lock(mutex_);
    pending_.armed = committed_.armed = true;
    if (!failing_) {
      StepLocked({.kind = CommandKind::kArm}, nullptr, nullptr, effects);
      FinishLocked(effects, nullptr);
    }
  }
  Run(std::move(effects));
}

// ---------------------------------------------------------------------------------------------------------------
// From the log

void DurableGroup::Replay(std::span<const Record> records) {
  MutexLock lock(mutex_);
  Effects none;
  for (const Record& record : records) {
    COVEY_CHECK(record.number == pending_number_ + 1);
    if (record.event.kind == EventKind::kTaskSubmitted) {
      COVEY_CHECK(record.event.task == tasks_.size() && record.task != nullptr);
      if (!record.task->name.empty()) names_.emplace(record.task->name, record.event.task);
      if (record.request != nullptr) {
        requests_.emplace(record.request->id, std::make_pair(*record.request, record.event.task));
      }
      tasks_.push_back({.spec = record.task});
    }
    Apply(pending_, record.event);
    if (AboutTask(record.event)) Apply(tasks_[record.event.task].pending, record.event);
    pending_number_ = record.number;
    if (record.event.kind == EventKind::kGroupCreated) {
      created_ = record.time;
      creation_ = record.request;
    }
    if (record.event.kind == EventKind::kGroupDecided) {
      decided_ = record.time;
      decision_failure_ = record.failure;
    }
    if (record.event.kind == EventKind::kGroupCompleted) completed_ = record.time;
    CommitLocked(record, none);
  }
}

void DurableGroup::Resume(Reply done) {
  Effects effects;
  {
    MutexLock lock(mutex_);
    if (spec_->attached && !pending_.decided) {
      StepLocked({.kind = CommandKind::kCancel},
                 Share({.kind = FailureKind::kCancelled,
                        .message = "owner_lost: the daemon that served its owner died"}),
                 nullptr, effects);
    }
    for (uint32_t task = 0; task < tasks_.size(); ++task) {
      const TaskEntry& entry = tasks_[task];
      if (entry.pending.phase != Phase::kRunning) continue;
      const Command lost{
          .kind = entry.spec->rerun_on_restart ? CommandKind::kRequeue : CommandKind::kExit,
          .result = entry.spec->rerun_on_restart ? state::Result::kNone : state::Result::kFailed,
          .failure = FailureKind::kLost,
          .task = task,
          .attempt = entry.pending.attempt};
      StepLocked(lost,
                 Share({.kind = FailureKind::kLost,
                        .message = "the daemon died while it ran",
                        .task = NameLocked(task),
                        .attempt = lost.attempt}),
                 nullptr, effects);
    }
    if (!pending_.decided && spec_->timeout > nanoseconds(0)) {
      const nanoseconds rest = std::clamp<nanoseconds>(spec_->deadline - environment_->wall_clock(),
                                                       nanoseconds(0), spec_->timeout);
      if (rest > nanoseconds(0)) {
        ScheduleDeadlineLocked(environment_->steady_clock() + rest);
      } else {  // it passed meanwhile: nothing starts any more
        StepLocked({.kind = CommandKind::kExpire}, TimedOut(*spec_), nullptr, effects);
      }
    }
    if (!pending_.decided) {
      for (uint32_t task = 0; task < tasks_.size(); ++task) {
        if (tasks_[task].pending.phase == Phase::kQueued) effects.push.push_back(task);
      }
    }
    FinishLocked(effects, std::move(done));
  }
  Run(std::move(effects));
}

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
                        .message = "timed out after " + Text(tasks_[task].spec->timeout),
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
  const auto find = [&](const std::vector<Record>& records) -> std::shared_ptr<const Failure> {
    for (const Record& record : records) {
      if (record.event.kind == EventKind::kTaskExited && record.event.task == group.first_failed)
        return record.failure;
    }
    return nullptr;
  };
  for (const InFlight& in_flight : in_flight_) {
    if (auto failure = find(in_flight.records)) return failure;
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
  Append append{.group = spec_->id,
                .epoch = environment_->epoch,
                .expected = building_.records.front().number - 1,
                .commit_id = ++last_commit_id_,
                .records = building_.records};
  for (const Record& record : building_.records) {
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
      case AppendResult::Kind::kConflict:
      case AppendResult::Kind::kFailed:
        if (!failing_) {
          failing_ = true;
          conflict_ = result.kind == AppendResult::Kind::kConflict;
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
  while (!in_flight_.empty() && in_flight_.front().records.back().number <= journal_head_) {
    InFlight done = std::move(in_flight_.front());
    in_flight_.pop_front();
    std::vector<uint32_t> started;
    for (const Record& record : done.records) {
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
    for (const Record& record : lost.records) {
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

// ---------------------------------------------------------------------------------------------------------------
// Reads

uint64_t DurableGroup::Wait(std::function<void()> done) {
  {
    MutexLock lock(mutex_);
    if (!committed_.completed) {
      const uint64_t id = next_id_++;
      waiters_.emplace(id, std::move(done));
      return id;
    }
  }
  done();
  return 0;
}

uint64_t DurableGroup::WaitTask(uint32_t index, std::function<void()> done) {
  {
    MutexLock lock(mutex_);
    const TaskState& task = tasks_.at(index).committed;
    if (task.phase != Phase::kEnded && !Stopped(committed_, task)) {
      const uint64_t id = next_id_++;
      task_waiters_.emplace(id, std::make_pair(index, std::move(done)));
      return id;
    }
  }
  done();
  return 0;
}

bool DurableGroup::Unwait(uint64_t id) {
  MutexLock lock(mutex_);
  return waiters_.erase(id) + task_waiters_.erase(id) > 0;
}

std::string DurableGroup::NameLocked(uint32_t task) const {
  const std::string& name = tasks_[task].spec->name;
  return name.empty() ? std::to_string(task) : name;
}

std::optional<uint32_t> DurableGroup::FindLocked(std::string_view name) const {
  if (const auto found = names_.find(std::string(name)); found != names_.end()) return found->second;
  const auto index = ParseIndex(name);
  if (!index || *index >= tasks_.size() || !tasks_[*index].spec->name.empty()) return std::nullopt;
  return index;
}

std::optional<uint32_t> DurableGroup::FindTask(std::string_view name) const {
  MutexLock lock(mutex_);
  const auto index = FindLocked(name);
  return index && *index < committed_.submitted ? index : std::nullopt;
}

GroupView DurableGroup::ViewLocked(const state::GroupState& group, uint64_t number) const {
  GroupView view{.spec = spec_, .state = group, .created = created_, .last_number = number};
  view.first_failure = FirstFailureLocked(group);
  if (group.decided) {
    view.decided = decided_;
    view.failure = decision_failure_;
  }
  if (group.completed) view.completed = completed_;
  return view;
}

GroupView DurableGroup::View() const {
  MutexLock lock(mutex_);
  return ViewLocked(committed_, committed_number_);
}

GroupEnd DurableGroup::End() const {
  MutexLock lock(mutex_);
  return {.group = ViewLocked(committed_, committed_number_), .failures = failures_};
}

TaskView DurableGroup::ViewTaskLocked(uint32_t index) const {
  const TaskEntry& entry = tasks_.at(index);
  TaskView view{.group = spec_->id,
                .name = NameLocked(index),
                .index = index,
                .spec = entry.spec,
                .state = entry.committed,
                .stopped = Stopped(committed_, entry.committed),
                .failure = entry.failure,
                .result = entry.result,
                .submitted = entry.submitted,
                .started = entry.started,
                .ended = entry.ended};
  if (view.stopped) {
    view.failure = decision_failure_;
    view.ended = decided_;
  }
  return view;
}

TaskView DurableGroup::ViewTask(uint32_t index) const {
  MutexLock lock(mutex_);
  return ViewTaskLocked(index);
}

std::vector<TaskView> DurableGroup::ViewTasks(uint32_t first, size_t limit) const {
  MutexLock lock(mutex_);
  std::vector<TaskView> views;
  for (size_t i = first; i < committed_.submitted && views.size() < limit; ++i) {
    views.push_back(ViewTaskLocked(static_cast<uint32_t>(i)));
  }
  return views;
}

uint32_t DurableGroup::task_count() const {
  MutexLock lock(mutex_);
  return committed_.submitted;
}

std::optional<EventPage> DurableGroup::RecentEvents(uint64_t after, size_t limit) const {
  MutexLock lock(mutex_);
  EventPage page{.through = std::max(after, std::min(after, committed_number_))};
  if (after < committed_number_) {
    if (recent_.empty() || recent_.front().number > after + 1) return std::nullopt;
    const size_t first = after + 1 - recent_.front().number;
    const size_t count = std::min(limit, recent_.size() - first);
    page.records.assign(recent_.begin() + first, recent_.begin() + first + count);
    page.through = page.records.back().number;
  }
  page.completed = committed_.completed && page.through >= committed_number_;
  return page;
}

uint64_t DurableGroup::Watch(std::function<void()> notify) {
  MutexLock lock(mutex_);
  const uint64_t id = next_id_++;
  watchers_.emplace(id, std::move(notify));
  return id;
}

void DurableGroup::Unwatch(uint64_t id) {
  MutexLock lock(mutex_);
  watchers_.erase(id);
}

bool DurableGroup::completed() const {
  MutexLock lock(mutex_);
  return committed_.completed;
}

bool DurableGroup::busy() const {
  MutexLock lock(mutex_);
  return !committed_.completed &&
         (spec_->attached || pending_.unfinished() > 0 || pending_.decided || !in_flight_.empty());
}

std::shared_ptr<const RequestMark> DurableGroup::creation() const {
  MutexLock lock(mutex_);
  return creation_;
}

bool DurableGroup::Knows(const std::string& request_id) const {
  MutexLock lock(mutex_);
  return requests_.contains(request_id);
}

bool DurableGroup::watched() const {
  MutexLock lock(mutex_);
  return !watchers_.empty() || !waiters_.empty() || !task_waiters_.empty();
}

}  // namespace covey
