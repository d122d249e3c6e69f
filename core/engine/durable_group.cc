#include "core/engine/durable_group.h"

#include <algorithm>
#include <unordered_set>

#include "core/engine/group_effects.h"

namespace covey {

using state::Command;
using state::CommandKind;
using state::Event;
using state::EventKind;
using state::Refusal;
using Phase = state::TaskState::Phase;
using std::chrono::nanoseconds;

std::string SecondsText(nanoseconds duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  char text[32];
  std::snprintf(text, sizeof text, "%g s", seconds);
  return text;
}

std::shared_ptr<const Failure> TimedOut(const GroupSpec& spec) {
  return Share(
      {.kind = FailureKind::kTimeout, .message = "the group timed out after " + SecondsText(spec.timeout)});
}

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

std::shared_ptr<DurableGroup> DurableGroup::New(std::shared_ptr<const GroupEnvironment> environment,
                                                std::shared_ptr<const GroupSpec> spec,
                                                std::shared_ptr<Pool> pool) {
  std::shared_ptr<DurableGroup> group(new DurableGroup(std::move(environment), std::move(spec)));
  if (pool != nullptr) {
    group->pool_ = pool;
    group->lane_ = std::make_unique<Lane>(std::move(pool), group, group->spec_->limit);
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
  {
    MutexLock lock(mutex_);
    const auto task = FindLocked(name);
    if (!task || *task >= committed_.submitted) {  // one that is not durable yet does not exist for others
      lock.Unlock();
      done(Error{.code = ErrorCode::kNotFound,
                 .reason = "TASK_NOT_FOUND",
                 .message = "group " + spec_->id + " has no task " + name});
      return;
    }
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
  Run(std::move(effects));
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

}  // namespace covey
