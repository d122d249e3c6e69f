#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/engine/activity.h"
#include "core/engine/answer_queue.h"
#include "core/engine/attempts.h"
#include "core/engine/engine_counts.h"
#include "core/engine/group_feed.h"
#include "core/engine/group_ledger.h"
#include "core/engine/group_meter.h"
#include "core/engine/view.h"
#include "core/executor/executor.h"
#include "core/journal/journal.h"
#include "core/output/output_store.h"
#include "core/run/budget.h"
#include "core/run/lane.h"
#include "covey/pool.h"
#include "covey/timer_queue.h"

namespace covey {

// What all groups of one engine share. Constant while groups exist; each part has its own synchronisation.
struct GroupEnvironment {
  std::shared_ptr<Journal> journal;
  std::shared_ptr<AnswerQueue> answers;
  std::shared_ptr<Budget> queue;   // of the tasks that wait for a slot
  std::shared_ptr<Budget> memory;  // of what groups hold of what the journal holds as well, in bytes
  std::shared_ptr<OutputStore> output;
  ExecutorTable executors;
  std::shared_ptr<TimerQueue> timers;
  std::function<WallTime()> wall_clock;
  // Called from any thread, without a lock: new events are durable; the group is over, or another owner's.
  std::function<void()> on_events;
  std::function<void(const std::string& group)> on_completed;
  std::function<void(const std::string& line)> warn;
  std::shared_ptr<ActivityListener> activity;  // null: nobody is told
  std::shared_ptr<EngineCounts> counts;
  bool counting = true;  // in these
  bool parked = false;   // nothing may be written
  // So many tasks of a group end before those are left to the journal alone.
  size_t fold_after = 8192;
  // The last answer of the journal to any group was a failure, so that the next may be one as well.
  mutable std::atomic<bool> journal_fails = false;
};

// kUnavailable: what is asked for is to be asked of the next daemon.
Error RefusedByStop();
Error TaskNotFound(const std::string& group, const std::string& task);

// The daemon's driver of one group: it appends first. Commands are decided on the pending state (committed
// plus in flight); replies, starts and streamed events are released when their append is committed; stopping
// work never waits for that. (A library Group applies at once; both share the state machines and the Pool.)
//
// This class holds the lock and turns commands, answers and words of executors into steps over its parts: the
// ledger (states, tasks, log), the attempts (slots, launches, stops) and the feed (readers, waiters).
//
// Invariants:
// 1. An attempt is launched only after its kTaskStarted is committed, and holds what its kind of work takes
// of
//    the lane from the grant to its end.
// 2. After a failed append nothing is decided until all that was sent is answered; then the facts (exits,
//    cancels: what has happened whether it was written or not) are decided once more, in their order.
// 3. An attempt whose spec is not in memory is in unread_ from the commit of its start to its launch.
// 4. While the group is neither decided, stopped nor suspended, every queued task has a ticket in the lane or
//    on its way. Tickets of other attempts may wait there too; their grants are given back.
//
// Lock order: DurableGroup::mutex_, then Pool, TimerQueue and Budget. Nothing is called out of a DurableGroup with
// mutex_ held but timers, clocks, Lane::TryAcquire, Adopt and Clear, none of which call back: what a step
// causes is collected in Effects and carried out afterwards.
//
// Lifetime: shared; executors, timers and the journal hold it while they owe it an answer.
class DurableGroup final : public std::enable_shared_from_this<DurableGroup>, public LaneOwner {
 public:
  using Reply = GroupLog::Reply;
  struct SubmitReply {
    uint32_t first_index = 0;
    uint32_t count = 0;
  };
  using SubmitDone = std::function<void(Result<SubmitReply>)>;
  // Who asks. While the daemon stops, a group that belongs to a call takes tasks of that call alone.
  enum class Submitter : uint8_t { kAnybody, kItsCall };

  // A group that does not exist yet: Create makes it. `pool` null: the group is over and only read. `epoch`:
  // of the ownership under which it writes.
  static std::shared_ptr<DurableGroup> New(std::shared_ptr<const GroupEnvironment> environment,
                                           std::shared_ptr<const GroupSpec> spec, std::shared_ptr<Pool> pool,
                                           uint64_t epoch);
  ~DurableGroup() override;

  // The first append: the group, its first tasks, the seal.
  void Create(std::vector<TaskSpec> tasks, bool seal, RequestMark request, Reply done) COVEY_EXCLUDES(mutex_);

  // Begins with a snapshot of it; nothing of the events before snapshot.next_event is told again. Before Replay.
  void Restore(const GroupSnapshot& snapshot) COVEY_EXCLUDES(mutex_);
  // A group that is over, without its tasks: those are in the journal alone, and so are all failures but the first.
  void RestoreOver(const GroupSummary& group, std::shared_ptr<const RequestMark> creation,
                   std::shared_ptr<const Record> decision) COVEY_EXCLUDES(mutex_);
  // Folds what the journal holds of the group, in order. Before Resume; then no other call until Resume.
  // False when the records do not follow from each other: the group is damaged from there on.
  bool Replay(std::shared_ptr<const Batch> records) COVEY_EXCLUDES(mutex_);
  // What follows cannot be read. Before the group is shared; instead of Resume.
  void SetDamage(Error damage) COVEY_EXCLUDES(mutex_);
  // The next event that Resume needs and Replay did not keep, to be read and given back; 0: none.
  uint64_t MissingSpec() const COVEY_EXCLUDES(mutex_);
  void TakeSpecs(const std::vector<Record>& records) COVEY_EXCLUDES(mutex_);
  // After a restart (promise 12): attempts that still run are taken up again, others end as lost or are
  // queued again, queued tasks run, deadlines go on, attached groups are cancelled. `done` when that is
  // durable.
  void Resume(Reply done) COVEY_EXCLUDES(mutex_);

  void Submit(std::vector<TaskSpec> tasks, bool seal, RequestMark request, SubmitDone done,
              Submitter submitter = Submitter::kAnybody) COVEY_EXCLUDES(mutex_);
  void Seal(Reply done) COVEY_EXCLUDES(mutex_);
  // `cause` of kind kCancelled. Stops what runs at once; `done` when the request is durable. While the journal
  // fails a request, which has a `done`, is durable first: one that is refused has changed nothing.
  void Cancel(Failure cause, Reply done) COVEY_EXCLUDES(mutex_);
  // kNotFound for an unknown name; tasks that are not in memory are known by their index alone.
  void CancelTask(const std::string& name, Failure cause, Reply done) COVEY_EXCLUDES(mutex_);
  void CancelTask(uint32_t index, Failure cause, Reply done) COVEY_EXCLUDES(mutex_);
  // Seals when the last unfinished task ends, as long as one that wanted it waits: Disarm takes one Arm back.
  void Arm() COVEY_EXCLUDES(mutex_);
  void Disarm() COVEY_EXCLUDES(mutex_);

  // The daemon stops (promise 15). First no group takes more tasks, but for those of its own call; with `suspend`
  // a detached one starts nothing more either: what is queued stays queued. One that belongs to a call goes on.
  void BeginStop(bool suspend) COVEY_EXCLUDES(mutex_);
  // Then a group that belongs to a call is cancelled, and what runs is told to stop: attempts end as lost, or
  // are queued again, unless they end by themselves before they are told. Again: what has begun meanwhile.
  void Interrupt() COVEY_EXCLUDES(mutex_);
  // Nothing of it ends with the daemon any more, and nothing is on its way to the journal that can be written.
  bool quiet() const COVEY_EXCLUDES(mutex_);

  // Calls `done` once when the group is over and that is durable, or at once when it is; also when another
  // owner takes the group (`fenced`). Returns 0 when called at once, else an id for Unwait, which answers
  // whether `done` will never be called.
  uint64_t Wait(std::function<void()> done) COVEY_EXCLUDES(mutex_);
  uint64_t WaitTask(uint32_t index, std::function<void()> done) COVEY_EXCLUDES(mutex_);
  bool Unwait(uint64_t id) COVEY_EXCLUDES(mutex_);

  GroupSummary View() const COVEY_EXCLUDES(mutex_);
  // Requires that its failures are in memory (Engine::ReadEnd reads them otherwise).
  GroupEnd End() const COVEY_EXCLUDES(mutex_);
  // It was restored by RestoreOver.
  bool outlined() const { return outlined_; }
  std::optional<uint32_t> FindTask(std::string_view name) const COVEY_EXCLUDES(mutex_);
  // Of one that is not in memory only that it has ended: Engine::ReadTask has all.
  TaskView ViewTask(uint32_t index) const COVEY_EXCLUDES(mutex_);
  // Nothing: it has ended, and is in the journal alone.
  std::optional<TaskView> TaskInMemory(uint32_t index) const COVEY_EXCLUDES(mutex_);
  // The tasks before this one that have ended are in the journal alone: of them the views below tell only that they
  // have ended.
  uint32_t folded() const COVEY_EXCLUDES(mutex_);
  // The tasks of the journal from `first` on, which is one of those: to be read as a group that is over is.
  FoldedTasks Folded(uint32_t first) const COVEY_EXCLUDES(mutex_);
  // Up to `limit` tasks from `first` on, and to before one that is not in memory.
  std::vector<TaskView> ViewTasks(uint32_t first, size_t limit) const COVEY_EXCLUDES(mutex_);
  // Task and number of each attempt that is under way.
  std::vector<std::pair<uint32_t, uint32_t>> RunningAttempts() const COVEY_EXCLUDES(mutex_);
  // Why the group, or one task of it, is where it is.
  // `outside`: what of OutsideOf is known.
  Explanation Explain(std::optional<uint32_t> task, std::span<const TaskView> outside = {}) const
      COVEY_EXCLUDES(mutex_);
  // Of the tasks that this is made of those that are neither in memory nor in `known`.
  std::vector<uint32_t> OutsideOf(std::optional<uint32_t> task, std::span<const TaskView> known) const
      COVEY_EXCLUDES(mutex_);
  uint32_t task_count() const COVEY_EXCLUDES(mutex_);
  // What it takes in memory, about.
  size_t bytes() const COVEY_EXCLUDES(mutex_);

  // Events after number `after` from memory: nullopt when they have left it (read the journal).
  std::optional<EventPage> RecentEvents(uint64_t after, PageLimit limit) const COVEY_EXCLUDES(mutex_);
  // `notify` after each batch of commits until Unwatch; any thread, no lock held. It may be called once more while
  // Unwatch runs.
  uint64_t Watch(std::function<void()> notify) COVEY_EXCLUDES(mutex_);
  void Unwatch(uint64_t id) COVEY_EXCLUDES(mutex_);

  const std::string& id() const { return spec_->id; }
  const std::shared_ptr<const GroupSpec>& spec() const { return spec_; }
  // Where its tasks take slots; null for a group that is only read.
  const Pool* pool() const { return pool_; }
  bool completed() const COVEY_EXCLUDES(mutex_);
  // kDataLoss: what is told of it goes no further than its records could be read, and it takes no commands.
  std::optional<Error> damage() const COVEY_EXCLUDES(mutex_);
  // Another owner has taken the group over: what ran here has been stopped, nothing is decided here any more.
  bool fenced() const COVEY_EXCLUDES(mutex_);
  // Something runs or waits, or its owner is there.
  bool busy() const COVEY_EXCLUDES(mutex_);
  bool watched() const COVEY_EXCLUDES(mutex_);
  // True when a submit with this request id was accepted.
  bool Knows(const std::string& request_id) const COVEY_EXCLUDES(mutex_);
  // The request that made it; null when that had no id.
  std::shared_ptr<const RequestMark> creation() const COVEY_EXCLUDES(mutex_);

 private:
  class Step;
  class Listener;
  using Clock = TimerQueue::Clock;

  DurableGroup(std::shared_ptr<const GroupEnvironment> environment, std::shared_ptr<const GroupSpec> spec,
               std::shared_ptr<Pool> pool, uint64_t epoch);

  // Commands, and what happens, become decisions.
  state::Refusal DecideLocked(Fact fact, Effects& effects) COVEY_REQUIRES(mutex_);
  void FactLocked(Fact fact, Effects& effects) COVEY_REQUIRES(mutex_);
  // What is decided now may not become durable.
  bool DoubtfulLocked() const COVEY_REQUIRES(mutex_) {
    return ledger_.log().stopped() || environment_->journal_fails;
  }
  // Decides, and leaves what runs alone.
  void DecideAloneLocked(const Fact& fact, Effects& effects) COVEY_REQUIRES(mutex_);
  void WithdrawLocked(uint32_t task) COVEY_REQUIRES(mutex_);
  // `done`, and before it, when all is well, StopNow.
  Reply ThenStop(std::optional<uint32_t> task, std::shared_ptr<const Failure> cause, Reply done);
  // Stops an attempt, or, without a task, all of them.
  void StopNow(std::optional<uint32_t> task, std::shared_ptr<const Failure> cause) COVEY_EXCLUDES(mutex_);
  void AddTasksLocked(std::vector<TaskSpec> tasks, std::shared_ptr<const RequestMark> request,
                      Effects& effects) COVEY_REQUIRES(mutex_);
  void OnDecidedLocked(Effects& effects) COVEY_REQUIRES(mutex_);
  void SetDeadlineLocked(Clock::time_point deadline) COVEY_REQUIRES(mutex_);
  void PushQueuedLocked(Effects& effects) COVEY_REQUIRES(mutex_);
  std::optional<Error> ReserveLocked(std::span<const TaskSpec> tasks) COVEY_REQUIRES(mutex_);
  void HoldQueuedLocked() COVEY_REQUIRES(mutex_);
  void HoldMemoryLocked() COVEY_REQUIRES(mutex_);
  uint64_t TicketLocked(uint32_t task) const COVEY_REQUIRES(mutex_);

  // Attempts.
  void OnGranted(uint64_t ticket) override;
  void LaunchLocked(uint32_t task, Effects& effects) COVEY_REQUIRES(mutex_);
  void ReadSpecsLocked(Effects& effects) COVEY_REQUIRES(mutex_);
  void ReadSpecs(uint64_t from) COVEY_EXCLUDES(mutex_);
  void OnSpecs(const Result<std::vector<Record>>& records) COVEY_EXCLUDES(mutex_);
  void TakeSpecsLocked(const std::vector<Record>& records) COVEY_REQUIRES(mutex_);
  void ReadSpecsAgain() COVEY_EXCLUDES(mutex_);
  void FailUnreadLocked(uint32_t task, const Error& why, Effects& effects) COVEY_REQUIRES(mutex_);
  bool OutlivesDaemonLocked(uint32_t task) const COVEY_REQUIRES(mutex_);
  Effects::Start MakeStartLocked(uint32_t task, uint32_t attempt) COVEY_REQUIRES(mutex_);
  // `sizes`: of its output; null when they are not known.
  void LoseLocked(uint32_t task, uint32_t attempt, Failure failure, std::shared_ptr<const OutputSizes> sizes,
                  Effects& effects) COVEY_REQUIRES(mutex_);
  void LoseOrphansLocked(const char* why, Effects& effects) COVEY_REQUIRES(mutex_);
  void OnStarted(uint32_t task, uint32_t attempt) COVEY_EXCLUDES(mutex_);
  void OnProgress(uint32_t task, uint32_t attempt, state::CommandKind kind, int code) COVEY_EXCLUDES(mutex_);
  void OnExit(uint32_t task, uint32_t attempt, Status status, std::shared_ptr<const Payload> result,
              const OutputSizes& sizes) COVEY_EXCLUDES(mutex_);
  void OnLost(uint32_t task, uint32_t attempt, Failure failure, const OutputSizes& sizes)
      COVEY_EXCLUDES(mutex_);
  void OnTaskTimeout(uint32_t task, uint32_t attempt) COVEY_EXCLUDES(mutex_);
  void OnDeadline() COVEY_EXCLUDES(mutex_);
  void RecoverAttempts() COVEY_EXCLUDES(mutex_);

  // Leaves tasks that have ended to the journal, when there are many.
  void FoldLocked(Effects& effects) COVEY_REQUIRES(mutex_);
  void PutSnapshot(Effects::Fold fold) COVEY_EXCLUDES(mutex_);
  void OnSnapshot(const GroupSnapshot& snapshot, bool put) COVEY_EXCLUDES(mutex_);
  // A submit on its way. What it must not repeat of the tasks before `folded` was looked up in the journal.
  struct Submission {
    std::vector<TaskSpec> tasks;
    bool seal = false;
    RequestMark request;
    Submitter submitter = Submitter::kAnybody;
    uint32_t folded = 0;
    std::vector<Mark> found;
  };
  void Submit(Submission submission, SubmitDone done) COVEY_EXCLUDES(mutex_);
  // What is to be looked up of it.
  std::vector<Mark> MarksToFindLocked(const Submission& submission) const COVEY_REQUIRES(mutex_);
  void LookUp(Submission submission, std::vector<Mark> marks, SubmitDone done) COVEY_EXCLUDES(mutex_);
  std::optional<TaskTable::Request> FindRequestLocked(const Submission& submission) const
      COVEY_REQUIRES(mutex_);

  // Answers of the journal.
  void OnAppended(const AppendResult& result) COVEY_EXCLUDES(mutex_);
  void OnRead(Result<std::vector<Record>> records) COVEY_EXCLUDES(mutex_);
  void CommitLocked(const GroupLog::Entry& entry, Effects& effects) COVEY_REQUIRES(mutex_);
  void TellDecidedLocked(const Record& record, Effects& effects) const COVEY_REQUIRES(mutex_);
  void TellTroubleLocked(const Record& record, Effects& effects) const COVEY_REQUIRES(mutex_);
  void SettleLocked(Effects& effects) COVEY_REQUIRES(mutex_);
  void RollBackLocked(Effects& effects) COVEY_REQUIRES(mutex_);
  void DropLocked(Effects& effects) COVEY_REQUIRES(mutex_);
  void RetryLaterLocked(void (DurableGroup::*next)()) COVEY_REQUIRES(mutex_);
  void Retry() COVEY_EXCLUDES(mutex_);
  void Resend() COVEY_EXCLUDES(mutex_);
  void ReadOn() COVEY_EXCLUDES(mutex_);

  // Outside the lock.
  void CarryOut(Effects effects) COVEY_EXCLUDES(mutex_);
  void TellWatchers() COVEY_EXCLUDES(mutex_);
  void Send() COVEY_EXCLUDES(mutex_);

  // Constant after construction.
  const std::shared_ptr<const GroupEnvironment> environment_;
  const std::shared_ptr<const GroupSpec> spec_;
  Pool* const pool_;
  bool outlined_ = false;
  Lane* lane_ = nullptr;  // of attempts_; has its own lock; null for a group that is only read

  mutable Mutex mutex_;
  GroupLedger ledger_ COVEY_GUARDED_BY(mutex_);
  GroupFeed feed_ COVEY_GUARDED_BY(mutex_);
  std::optional<GroupMeter> meter_ COVEY_GUARDED_BY(mutex_);  // none of a group that is only read
  size_t arms_ COVEY_GUARDED_BY(mutex_) = 0;                  // not taken back yet
  bool refusing_ COVEY_GUARDED_BY(mutex_) = false;            // tasks, since the daemon stops
  bool interrupted_ COVEY_GUARDED_BY(mutex_) = false;         // and has come to its last step
  Clock::time_point deadline_ COVEY_GUARDED_BY(mutex_){};     // epoch: none
  TimerQueue::TimerId deadline_timer_ COVEY_GUARDED_BY(mutex_){};
  Attempts attempts_ COVEY_GUARDED_BY(mutex_);
  std::optional<Error> damage_ COVEY_GUARDED_BY(mutex_);
  bool stops_held_ COVEY_GUARDED_BY(mutex_) = false;      // within DecideAloneLocked
  Reservation queued_ COVEY_GUARDED_BY(mutex_);           // between steps: of what the ledger says is queued
  Reservation memory_ COVEY_GUARDED_BY(mutex_);           // between steps: of what ledger and feed hold
  std::deque<uint32_t> unread_ COVEY_GUARDED_BY(mutex_);  // tasks to launch whose specs must be read first
  bool reading_specs_ COVEY_GUARDED_BY(mutex_) = false;
  bool folding_ COVEY_GUARDED_BY(mutex_) = false;  // a snapshot is on its way
  size_t fold_at_ COVEY_GUARDED_BY(mutex_) = 0;    // tasks that have ended, and are in memory
};

}  // namespace covey
