#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/engine/view.h"
#include "core/executor/executor.h"
#include "core/journal/journal.h"
#include "core/run/lane.h"
#include "core/run/pool.h"
#include "core/state/group_state.h"
#include "core/time/timer_queue.h"

namespace covey {

// What all groups of one engine share. Constant while groups exist; each part has its own synchronisation.
struct GroupEnvironment {
  std::shared_ptr<Journal> journal;
  std::shared_ptr<OutputStore> output;
  std::shared_ptr<Executor> functions;
  std::shared_ptr<Executor> processes;
  std::shared_ptr<TimerQueue> timers;
  std::function<WallTime()> wall_clock;
  std::function<std::chrono::steady_clock::time_point()> steady_clock;
  uint64_t epoch = 0;
  // Told from any thread, without a lock: `events` new events are durable; the group completed.
  std::function<void()> on_events;
  std::function<void(const std::string& group)> on_completed;
  std::function<void(const std::string& line)> warn;
};

// The daemon's driver of one group: it appends first. Commands are decided on the pending state (committed
// plus in flight); replies, starts and streamed events are released when their append is committed; stopping
// work never waits for that. (A library Group applies at once; both share the state machines and the Pool.)
//
// Invariants:
// 1. pending == committed with the events of in_flight_ applied.
// 2. Appends leave in the order of their numbers, one sender at a time (outbox_).
// 3. An attempt is launched only after its kTaskStarted is committed, and holds one slot of the lane from its
//    grant to its exit.
// 4. After a failed append nothing is decided until all that was sent is answered; then pending is committed
//    again and the facts (exits, cancels: what has happened whether it was written or not) are decided once
//    more, in the order in which they happened.
// 5. Facts are about the group or a committed task, so each can be decided again whatever was dropped.
// 6. While the group is neither decided nor failing, every queued task has a ticket in the lane or on its
// way.
//    Tickets that mean nothing any more may wait there too; their grants are given back.
//
// Lock order: DurableGroup::mutex_, then Pool and TimerQueue. Nothing is called out of a DurableGroup with
// mutex_ held but timers, clocks, Lane::TryAcquire and Lane::Clear, none of which call back: what a step
// causes is collected in Effects and carried out afterwards.
//
// Lifetime: shared; executors, timers and the journal hold it while they owe it an answer.
class DurableGroup final : public std::enable_shared_from_this<DurableGroup>, public LaneOwner {
 public:
  using Reply = std::function<void(std::optional<Error>)>;
  struct SubmitReply {
    uint32_t first_index = 0;
    uint32_t count = 0;
  };
  using SubmitDone = std::function<void(Result<SubmitReply>)>;

  // A group that does not exist yet: Create makes it. `pool` null: the group is over and only read.
  static std::shared_ptr<DurableGroup> New(std::shared_ptr<const GroupEnvironment> environment,
                                           std::shared_ptr<const GroupSpec> spec, std::shared_ptr<Pool> pool);
  ~DurableGroup() override;

  // The first append: the group, its first tasks, the seal.
  void Create(std::vector<TaskSpec> tasks, bool seal, RequestMark request, Reply done) COVEY_EXCLUDES(mutex_);

  // Folds what the journal holds of the group, in order. Before Resume; then no other call until Resume.
  void Replay(std::span<const Record> records) COVEY_EXCLUDES(mutex_);
  // After a restart (promise 12): started tasks end as lost or are queued again, queued ones run, deadlines
  // go on, attached groups are cancelled. `done` when that is durable.
  void Resume(Reply done) COVEY_EXCLUDES(mutex_);

  void Submit(std::vector<TaskSpec> tasks, bool seal, RequestMark request, SubmitDone done)
      COVEY_EXCLUDES(mutex_);
  void Seal(Reply done) COVEY_EXCLUDES(mutex_);
  // `cause` of kind kCancelled. Stops what runs at once; `done` when the request is durable.
  void Cancel(Failure cause, Reply done) COVEY_EXCLUDES(mutex_);
  // kNotFound for an unknown name.
  void CancelTask(const std::string& name, Failure cause, Reply done) COVEY_EXCLUDES(mutex_);
  // Seals when the last unfinished task ends.
  void Arm() COVEY_EXCLUDES(mutex_);

  // Calls `done` once when the group is over and that is durable, or at once when it is. Returns 0 then, else
  // an id for Unwait, which answers whether `done` will never be called.
  uint64_t Wait(std::function<void()> done) COVEY_EXCLUDES(mutex_);
  uint64_t WaitTask(uint32_t index, std::function<void()> done) COVEY_EXCLUDES(mutex_);
  bool Unwait(uint64_t id) COVEY_EXCLUDES(mutex_);

  GroupView View() const COVEY_EXCLUDES(mutex_);
  GroupEnd End() const COVEY_EXCLUDES(mutex_);
  std::optional<uint32_t> FindTask(std::string_view name) const COVEY_EXCLUDES(mutex_);
  TaskView ViewTask(uint32_t index) const COVEY_EXCLUDES(mutex_);
  // Up to `limit` tasks from `first` on.
  std::vector<TaskView> ViewTasks(uint32_t first, size_t limit) const COVEY_EXCLUDES(mutex_);
  // Task and number of each attempt that holds a slot.
  std::vector<std::pair<uint32_t, uint32_t>> Attempts() const COVEY_EXCLUDES(mutex_);
  // Why the group, or one task of it, is where it is.
  Explanation Explain(std::optional<uint32_t> task) const COVEY_EXCLUDES(mutex_);
  uint32_t task_count() const COVEY_EXCLUDES(mutex_);

  // Events after number `after` from memory: nullopt when they have left it (read the journal).
  std::optional<EventPage> RecentEvents(uint64_t after, size_t limit) const COVEY_EXCLUDES(mutex_);
  // `notify` after each commit until Unwatch; any thread, no lock held. It may be called once more while
  // Unwatch runs.
  uint64_t Watch(std::function<void()> notify) COVEY_EXCLUDES(mutex_);
  void Unwatch(uint64_t id) COVEY_EXCLUDES(mutex_);

  const std::string& id() const { return spec_->id; }
  const std::shared_ptr<const GroupSpec>& spec() const { return spec_; }
  // Where its tasks take slots; null for a group that is only read.
  const Pool* pool() const { return pool_.get(); }
  bool completed() const COVEY_EXCLUDES(mutex_);
  // Something runs or waits, or its owner is there.
  bool busy() const COVEY_EXCLUDES(mutex_);
  bool watched() const COVEY_EXCLUDES(mutex_);
  // True when a submit with this request id has been accepted.
  bool Knows(const std::string& request_id) const COVEY_EXCLUDES(mutex_);
  // The request that made it; null when that had no id.
  std::shared_ptr<const RequestMark> creation() const COVEY_EXCLUDES(mutex_);

 private:
  struct TaskEntry {
    std::shared_ptr<const TaskSpec> spec;
    std::shared_ptr<const Failure> failure;
    std::shared_ptr<const Payload> result;
    WallTime submitted{};
    WallTime started{};
    WallTime ended{};
    uint64_t ended_number = 0;  // of the event
    state::TaskState pending;
    state::TaskState committed;
  };

  // What happened, whether it could be written or not.
  struct Fact {
    state::Command command;
    std::shared_ptr<const Failure> failure;
    std::shared_ptr<const Payload> result;
  };

  // One append that is not answered yet.
  struct InFlight {
    std::vector<Record> records;
    std::vector<Fact> facts;
    std::vector<Reply> replies;
  };

  // A task that holds a slot. Guarded by the group's mutex_.
  struct Attempt {
    uint32_t number = 0;
    bool launched = false;  // its start is committed and the executor has been called
    bool stopping = false;
    FailureKind cancel = FailureKind::kNone;  // of this task alone, whether that is written or not
    std::shared_ptr<Execution> execution;
    std::shared_ptr<const Failure> stop_cause;
    TimerQueue::TimerId timeout{};
  };

  struct Effects;
  class Listener;

  DurableGroup(std::shared_ptr<const GroupEnvironment> environment, std::shared_ptr<const GroupSpec> spec);

  void OnGranted(uint64_t ticket) override;

  // The steps below build one append in `building_`; Finish puts it in flight.
  state::Refusal StepLocked(const state::Command& command, std::shared_ptr<const Failure> failure,
                            std::shared_ptr<const Payload> result, Effects& effects) COVEY_REQUIRES(mutex_);
  void FactLocked(Fact fact, Effects& effects) COVEY_REQUIRES(mutex_);
  void AddTasksLocked(std::vector<TaskSpec> tasks, Effects& effects) COVEY_REQUIRES(mutex_);
  Record MakeRecordLocked(const state::Event& event, std::shared_ptr<const Failure> failure,
                          std::shared_ptr<const Payload> result) const COVEY_REQUIRES(mutex_);
  void FinishLocked(Effects& effects, Reply reply) COVEY_REQUIRES(mutex_);
  void StopAttemptLocked(Attempt& attempt, std::shared_ptr<const Failure> cause, Effects& effects)
      COVEY_REQUIRES(mutex_);
  void DecidedLocked(const Record& record, Effects& effects) COVEY_REQUIRES(mutex_);
  std::shared_ptr<const Failure> SummedUpLocked(const std::shared_ptr<const Failure>& last) const
      COVEY_REQUIRES(mutex_);
  std::shared_ptr<const Failure> FirstFailureLocked(const state::GroupState& group) const
      COVEY_REQUIRES(mutex_);
  std::optional<Error> CheckSubmitLocked(const std::vector<TaskSpec>& tasks) const COVEY_REQUIRES(mutex_);
  void ScheduleDeadlineLocked(std::chrono::steady_clock::time_point deadline) COVEY_REQUIRES(mutex_);

  void CommitLocked(const Record& record, Effects& effects) COVEY_REQUIRES(mutex_);
  void LaunchLocked(uint32_t task, Effects& effects) COVEY_REQUIRES(mutex_);
  void OnAppended(AppendResult result) COVEY_EXCLUDES(mutex_);
  void SettleLocked(Effects& effects) COVEY_REQUIRES(mutex_);
  void AskHead() COVEY_EXCLUDES(mutex_);
  void OnHead(Result<uint64_t> head) COVEY_EXCLUDES(mutex_);
  void RollBackLocked(Effects& effects) COVEY_REQUIRES(mutex_);
  Error RefusedLocked() const COVEY_REQUIRES(mutex_);
  void BackOffLocked() COVEY_REQUIRES(mutex_);
  void Retry() COVEY_EXCLUDES(mutex_);

  void OnTaskTimeout(uint32_t task, uint32_t attempt) COVEY_EXCLUDES(mutex_);
  void OnDeadline() COVEY_EXCLUDES(mutex_);
  void OnExit(uint32_t task, uint32_t attempt, Status status, std::shared_ptr<const Payload> result)
      COVEY_EXCLUDES(mutex_);
  void OnProgress(uint32_t task, uint32_t attempt, state::CommandKind kind, int code) COVEY_EXCLUDES(mutex_);

  void Run(Effects effects) COVEY_EXCLUDES(mutex_);
  void Send() COVEY_EXCLUDES(mutex_);

  std::string NameLocked(uint32_t task) const COVEY_REQUIRES(mutex_);
  std::optional<uint32_t> FindLocked(std::string_view name) const COVEY_REQUIRES(mutex_);
  GroupView ViewLocked(const state::GroupState& group, uint64_t number) const COVEY_REQUIRES(mutex_);
  TaskView ViewTaskLocked(uint32_t index) const COVEY_REQUIRES(mutex_);
  Explanation ExplainGroupLocked() const COVEY_REQUIRES(mutex_);
  Explanation ExplainTaskLocked(uint32_t index) const COVEY_REQUIRES(mutex_);
  // Names of tasks that run, and are being stopped or not.
  std::vector<std::string> RunningLocked(bool stopping) const COVEY_REQUIRES(mutex_);
  // What a queued task waits for. nullopt: any, not one of them.
  void AddSlotWaitsLocked(std::optional<uint32_t> task, std::vector<WaitView>* waits) const
      COVEY_REQUIRES(mutex_);
  // From the decision of the group to its first cause.
  void AddDecisionCausesLocked(std::vector<CauseView>* causes) const COVEY_REQUIRES(mutex_);

  // Constant after construction.
  const std::shared_ptr<const GroupEnvironment> environment_;
  const std::shared_ptr<const GroupSpec> spec_;
  std::shared_ptr<Pool> pool_;

  mutable Mutex mutex_;
  state::GroupState pending_ COVEY_GUARDED_BY(mutex_);
  state::GroupState committed_ COVEY_GUARDED_BY(mutex_);
  uint64_t pending_number_ COVEY_GUARDED_BY(mutex_) = 0;
  uint64_t committed_number_ COVEY_GUARDED_BY(mutex_) = 0;
  std::deque<TaskEntry> tasks_ COVEY_GUARDED_BY(mutex_);
  std::unordered_map<std::string, uint32_t> names_ COVEY_GUARDED_BY(mutex_);  // of the tasks that have one
  std::unordered_map<uint32_t, Attempt> attempts_ COVEY_GUARDED_BY(mutex_);
  std::map<std::string, std::pair<RequestMark, uint32_t>, std::less<>> requests_ COVEY_GUARDED_BY(mutex_);

  InFlight building_ COVEY_GUARDED_BY(mutex_);
  std::shared_ptr<const RequestMark> building_request_ COVEY_GUARDED_BY(mutex_);
  std::deque<InFlight> in_flight_ COVEY_GUARDED_BY(mutex_);
  std::deque<Append> outbox_ COVEY_GUARDED_BY(mutex_);
  bool sending_ COVEY_GUARDED_BY(mutex_) = false;

  // A failed append (invariant 4).
  bool failing_ COVEY_GUARDED_BY(mutex_) = false;
  bool conflict_ COVEY_GUARDED_BY(mutex_) = false;  // somebody else has written
  size_t unanswered_ COVEY_GUARDED_BY(mutex_) = 0;  // appends, sent or in outbox_
  uint64_t last_commit_id_ COVEY_GUARDED_BY(mutex_) = 0;
  uint64_t journal_head_ COVEY_GUARDED_BY(mutex_) = 0;  // newest event known to be written
  bool head_unknown_ COVEY_GUARDED_BY(mutex_) = false;
  std::string failure_text_ COVEY_GUARDED_BY(mutex_);
  std::vector<Fact> facts_ COVEY_GUARDED_BY(mutex_);       // to decide again
  std::vector<uint64_t> parked_ COVEY_GUARDED_BY(mutex_);  // tickets to queue again
  std::chrono::milliseconds retry_delay_ COVEY_GUARDED_BY(mutex_){0};

  std::shared_ptr<const RequestMark> creation_ COVEY_GUARDED_BY(mutex_);
  WallTime created_ COVEY_GUARDED_BY(mutex_){};
  WallTime decided_ COVEY_GUARDED_BY(mutex_){};
  WallTime completed_ COVEY_GUARDED_BY(mutex_){};
  uint64_t decided_number_ COVEY_GUARDED_BY(mutex_) = 0;  // of the committed event
  std::shared_ptr<const Failure> decision_failure_ COVEY_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<const Failure>> failures_ COVEY_GUARDED_BY(mutex_);
  std::deque<Record> recent_ COVEY_GUARDED_BY(mutex_);                         // the newest committed events
  std::chrono::steady_clock::time_point deadline_ COVEY_GUARDED_BY(mutex_){};  // epoch: none
  TimerQueue::TimerId deadline_timer_ COVEY_GUARDED_BY(mutex_){};

  uint64_t next_id_ COVEY_GUARDED_BY(mutex_) = 1;
  std::map<uint64_t, std::function<void()>> waiters_ COVEY_GUARDED_BY(mutex_);
  std::map<uint64_t, std::pair<uint32_t, std::function<void()>>> task_waiters_ COVEY_GUARDED_BY(mutex_);
  std::map<uint64_t, std::function<void()>> watchers_ COVEY_GUARDED_BY(mutex_);

  // Has its own synchronisation; null for a group that is only read. The last member: a grant may be under
  // way until it is gone.
  std::unique_ptr<Lane> lane_;
};

}  // namespace covey
