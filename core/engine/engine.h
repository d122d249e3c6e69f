#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/engine/callback_gate.h"
#include "core/engine/durable_group.h"
#include "core/engine/engine_counts.h"
#include "core/engine/key_turns.h"
#include "core/engine/over_groups.h"
#include "core/engine/pool_table.h"
#include "core/engine/recovery.h"
#include "core/engine/resident_groups.h"
#include "core/engine/view.h"
#include "core/journal/journal.h"

namespace covey {

// The groups of one daemon: made, found, listed, recovered, drained. What happens inside a group is
// DurableGroup's.
//
// Thread safety: all of it. Callbacks come from any thread, possibly before the call returns, with no lock
// held. Lock order: mutex_, then that of the residents, then that of a group, for reads of it; nothing that
// calls back is called with it.
// Life: Recover, Run, the calls. Outlives the groups that it handed out, and what runs for them. Close the
// journal before the executors go, and before the engine does: its answers come back here.
class Engine {
 public:
  template <typename T>
  using Done = std::function<void(Result<T>)>;
  using GroupPtr = std::shared_ptr<DurableGroup>;

  struct Options {
    std::shared_ptr<Journal> journal;
    std::shared_ptr<OutputStore> output;
    ExecutorTable executors;               // one for each kind of work
    std::shared_ptr<TimerQueue> timers;    // default: that of the process
    std::function<WallTime()> wall_clock;  // default: the system's
    std::vector<PoolConfig> pools;         // of the configuration
    Budget::Amount max_queued{.tasks = 1'000'000,
                              .bytes = 256u << 20};  // that wait for a slot, in all groups
    size_t resident_groups = 1'000;                  // groups that are over and stay in memory
    size_t resident_bytes = 32u << 20;               // of those
    // Of what groups hold of what the journal holds as well: newest events, specs of what waits.
    size_t group_bytes = 48u << 20;
    uint32_t whole_tasks =
        OverGroups::kTasks;     // of a group that is over; of one with more they stay in the journal
    size_t fold_after = 8'192;  // tasks of one group have ended, and are left to the journal alone
    // Where what a commit releases is carried out; kOnFlush: on the journal's thread, for tests.
    AnswerQueue::Runs answers = AnswerQueue::Runs::kOnAThread;
    std::function<void(const std::string& line)> warn;
    std::shared_ptr<ActivityListener> activity;  // null: nobody is told
    bool counts = true;                          // false: totals() stay 0, to measure what counting costs
  };

  struct Create {
    GroupSpec spec;  // without an id it gets one; `deadline` is set here
    std::vector<TaskSpec> tasks;
    bool seal = false;
    RequestMark request;  // without an id: a retry makes another group
  };

  struct Counts {
    uint32_t running_groups = 0;
    size_t queued_tasks = 0;
    size_t running_tasks = 0;
  };

  explicit Engine(Options options);
  ~Engine();

  // Recovers what is not over, and returns when that is durable, or was tried and goes on being tried. Nothing
  // starts yet: what fails until Run has lost nothing. Groups that cannot be read are set aside, with a
  // warning. Blocks; `watcher`, which may be empty, is called on this thread and can stop it. Once, before
  // everything else.
  std::optional<Error> Recover(RecoveryWatcher watcher = {}) COVEY_EXCLUDES(mutex_);
  // What waits is granted its slots from now on.
  void Run() {
    if (!parked()) pools_->Unpark();
  }
  // The journal is a copy of one that may be in use: groups are as they are there, nothing runs and nothing is
  // written.
  bool parked() const { return capabilities_.copied; }

  // kAlreadyExists, kInvalidArgument (pool, request id reused), kFailedPrecondition (pool closing),
  // kUnavailable (draining, journal).
  void CreateGroup(Create create, Done<GroupPtr> done) COVEY_EXCLUDES(mutex_);
  // The group that a request id has made; empty: none that is remembered.
  void FindRequest(const std::string& request, Done<std::string> done) {
    journal_->FindRequest(request, std::move(done));
  }
  // kNotFound; kDataLoss when its records are damaged.
  void Find(const std::string& id, Done<GroupPtr> done) COVEY_EXCLUDES(mutex_);
  // The same, but one whose records are damaged is answered as far as it goes (DurableGroup::damage). For
  // reads alone; kDataLoss when nothing of it can be told.
  void FindReadable(const std::string& id, Done<GroupPtr> done) COVEY_EXCLUDES(mutex_);
  // One that is over, with all that can be told of it, whatever that takes; it does not stay in memory. Errors as of
  // FindReadable.
  void FindWhole(const std::string& id, Done<GroupPtr> done) COVEY_EXCLUDES(mutex_);
  // How a group stands, by one look-up of the journal when it is not in memory. Errors as of Find.
  void Look(const std::string& id, Done<GroupSummary> done) COVEY_EXCLUDES(mutex_);
  // A group for reads: in memory, also as far as it goes when its records are damaged, or one that is over and is to be
  // read by page.
  struct Found {
    GroupPtr group;     // null: see `over`
    GroupSummary over;  // for ReadTasks, ReadEnd, ReadEventsOf
  };
  // One that is over and not in memory is brought there when it has no more tasks than `most_tasks`, or cannot be listed.
  // Errors as of FindReadable.
  void FindOrLook(const std::string& id, uint32_t most_tasks, Done<Found> done) COVEY_EXCLUDES(mutex_);
  // A window that has task `first` of a group that is over.
  void ReadTasks(GroupSummary over, uint32_t first, Done<OverGroups::WindowPtr> done) {
    over_groups_.Tasks(std::move(over), first, std::move(done));
  }
  // The same of a group that is not over, of the tasks before DurableGroup::folded(). How those that have not ended stand
  // memory says (DurableGroup::TaskInMemory).
  void ReadFolded(const GroupPtr& group, uint32_t first, Done<OverGroups::WindowPtr> done);
  // Some tasks from `first` on, which is one of those before DurableGroup::folded(). kDataLoss.
  void ReadPage(const GroupPtr& group, uint32_t first, Done<TaskPage> done) {
    ReadPage(group, first, done, 0);
  }
  // A task by its name, and as it stands, wherever it is. TASK_NOT_FOUND; kDataLoss.
  void FindTask(const GroupPtr& group, const std::string& name, Done<uint32_t> done);
  void ReadTask(const GroupPtr& group, uint32_t index, Done<TaskView> done);
  // Why a group, or one task of it, is where it is, wherever its tasks are.
  void Explain(const GroupPtr& group, std::optional<uint32_t> task, Done<Explanation> done,
               std::vector<TaskView> known = {});
  // Whether a submit with this request id was accepted.
  void KnowsRequest(const GroupPtr& group, const std::string& request_id, Done<bool> done);
  void ReadEnd(GroupSummary over, Done<GroupEnd> done) { over_groups_.End(std::move(over), std::move(done)); }
  void ReadEnd(const GroupPtr& group, Done<GroupEnd> done) {
    group->outlined() ? ReadEnd(group->View(), std::move(done)) : done(group->End());
  }
  // kResourceExhausted when too many tasks wait, or too many bytes of them; else as DurableGroup::Submit.
  void Submit(const GroupPtr& group, std::vector<TaskSpec> tasks, bool seal, RequestMark request,
              DurableGroup::SubmitDone done) {
    group->Submit(std::move(tasks), seal, std::move(request), std::move(done));
  }
  // Tasks of the call that the group belongs to: it takes them until it is told to end.
  void SubmitOfItsCall(const GroupPtr& group, std::vector<TaskSpec> tasks, DurableGroup::SubmitDone done) {
    group->Submit(std::move(tasks), /*seal=*/false, {}, std::move(done), DurableGroup::Submitter::kItsCall);
  }
  // Newest first.
  void List(GroupFilter filter, PageLimit limit, std::string token, Done<GroupPage> done);
  // Also one that is damaged. kNotFound, kFailedPrecondition when it is not over; kDataLoss: its id cannot be freed.
  void Delete(const std::string& id, Done<Void> done) COVEY_EXCLUDES(mutex_);
  // Forgets groups that are over, each as if it were deleted, but their ids stay taken for as long as request ids
  // are remembered (promise 13). Those that somebody watches or waits for are not `purged` now.
  void Purge(std::vector<EndedGroup> groups, Done<std::vector<EndedGroup>> purged) COVEY_EXCLUDES(mutex_);
  // Groups that are over, those that failed or the others, the one that ended first first.
  void Oldest(bool failed, size_t limit, std::string token, Done<EndedPage> done) {
    journal_->Oldest(failed, limit, std::move(token), std::move(done));
  }
  JournalUsage journal_usage() const { return journal_->usage(); }
  // A summary as it is in the journal: for groups that are over.
  void Summary(const std::string& id, Done<GroupSummary> done) { journal_->Find(id, std::move(done)); }
  WallTime now() const { return options_.wall_clock(); }

  // Events of a group after a number: from memory, or else from the journal.
  void ReadEvents(const GroupPtr& group, uint64_t after, PageLimit limit, Done<EventPage> done);
  // The same of a group that is over, from the journal.
  void ReadEventsOf(const std::string& over, uint64_t after, PageLimit limit, Done<EventPage> done);
  // Events of all groups after a cursor.
  void ReadAllEvents(std::string cursor, PageLimit limit, Done<WatchPage> done) {
    journal_->Watch(std::move(cursor), limit, [this, done = std::move(done)](Result<WatchPage> page) {
      if (page.ok()) {
        for (const DamagedGroup& each : page.value().damaged)
          options_.warn("events are left out: " + each.error.message);
      }
      done(std::move(page));
    });
  }
  // The cursor behind everything that has happened.
  void NewestCursor(Done<std::string> done) { journal_->Newest(std::move(done)); }
  // `notify` after each batch of commits of any group until Unwatch; it may be called once more while Unwatch runs.
  uint64_t WatchAll(std::function<void()> notify) COVEY_EXCLUDES(mutex_);
  void UnwatchAll(uint64_t id) COVEY_EXCLUDES(mutex_);

  // Refuses new groups from now on.
  void BeginDrain() COVEY_EXCLUDES(mutex_);
  // Takes that back. kUnavailable once the daemon stops.
  std::optional<Error> EndDrain() COVEY_EXCLUDES(mutex_);
  // It drains or stops.
  bool draining() const COVEY_EXCLUDES(mutex_);
  // Refuses new groups, and begins the stop of all that there are (DurableGroup::BeginStop). There is no way
  // back.
  void BeginStop(bool suspend) COVEY_EXCLUDES(mutex_);
  // Groups that something runs or waits in, or that belong to a call.
  std::vector<GroupPtr> Busy() const COVEY_EXCLUDES(mutex_);
  Counts counts() const COVEY_EXCLUDES(mutex_);
  // Groups that are not over and cannot be read, as Recover has found.
  size_t set_aside() const COVEY_EXCLUDES(mutex_);
  // What has become durable since it was made.
  const EngineCounts& totals() const { return *environment_->counts; }

  // Tasks, and bytes of tasks, that may wait for a slot, from now on; those that wait already stay.
  void SetMaxQueued(Budget::Amount max) { environment_->queue->SetLimit(max); }
  Budget::Usage queue_usage() const { return environment_->queue->usage(); }
  Budget::Usage memory_usage() const { return environment_->memory->usage(); }
  // For a submit that met QUEUE_FULL: see Budget::WhenRoom.
  [[nodiscard]] RoomWait WhenRoom(Budget::Amount amount, std::function<void()> notify) {
    return environment_->queue->WhenRoom(amount, std::move(notify));
  }

  PoolTable& pools() { return *pools_; }
  const PoolTable& pools() const { return *pools_; }
  OutputStore& output() { return *environment_->output; }
  const JournalCapabilities& journal_capabilities() const { return capabilities_; }

 private:
  static Options Completed(Options options);
  // That it is set aside, or what the journal lists of it. Of those that are not over none is found: all of these
  // are resident, or being made.
  void Listed(const std::string& id, Done<GroupSummary> done);
  // A group that is not resident: set aside, or over and read from the journal.
  void Read(const std::string& id, Done<GroupPtr> done) COVEY_EXCLUDES(mutex_);
  void Amend(GroupPage& page) const COVEY_EXCLUDES(mutex_);
  void CreateChecked(Create create, Done<GroupPtr> done);
  void LookUp(Create create, Done<GroupPtr> done);
  void ReadPage(const GroupPtr& group, uint32_t first, Done<TaskPage> done, int tries);
  void ReadPageFromEvents(const GroupPtr& group, uint32_t first, Done<TaskPage> done);
  void FindUnmarked(const GroupPtr& group, const std::string& name, Done<uint32_t> done);
  // Forgets groups whose keys are taken, and gives the keys back.
  void Forget(std::vector<std::string> ids, bool keeps_ids, Done<std::vector<Result<Void>>> done);
  // What purged groups of an earlier run have left.
  std::optional<Error> RemoveOrphans(const RecoveryWatcher& watcher);
  void OnCompleted(const std::string& id) COVEY_EXCLUDES(mutex_);
  void OnEvents() COVEY_EXCLUDES(mutex_);
  void TellWatchers() COVEY_EXCLUDES(mutex_);

  // Constant after construction.
  const Options options_;
  const std::shared_ptr<Journal> journal_;
  JournalCapabilities capabilities_;
  std::shared_ptr<GroupEnvironment> environment_;
  std::shared_ptr<CallbackGate> gate_;  // what groups call back here goes through it
  uint64_t epoch_ = 0;                  // of the ownership of all groups; set by Recover
  std::unique_ptr<PoolTable> pools_;

  // Have their own synchronisation.
  ResidentGroups residents_;
  OverGroups over_groups_;

  mutable Mutex mutex_;
  bool draining_ COVEY_GUARDED_BY(mutex_) = false;
  bool stopping_ COVEY_GUARDED_BY(mutex_) = false;
  // Creates and purges under way by what must be unique of them ("id …", "request …"), and those that wait for
  // them: an id is free when nothing of its former group is there any more.
  KeyTurns creating_ COVEY_GUARDED_BY(mutex_);
  // Not over, and not readable to the end: found by Recover, and left alone.
  std::unordered_map<std::string, Recovery::Aside> aside_ COVEY_GUARDED_BY(mutex_);
  uint64_t next_watch_ COVEY_GUARDED_BY(mutex_) = 1;
  std::map<uint64_t, std::function<void()>> watchers_ COVEY_GUARDED_BY(mutex_);
  bool notice_owed_ COVEY_GUARDED_BY(mutex_) = false;  // to them
};

}  // namespace covey
