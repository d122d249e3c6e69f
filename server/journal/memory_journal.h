#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/journal/journal.h"
#include "server/journal/rules.h"

namespace covey {

// A journal that lives as long as its process: for tests, and for daemons that need not remember.
//
// Appends are carried out on the thread of a caller: whoever finds none at work takes what is queued, answers
// it, and goes on until the queue is empty; appends made meanwhile, also from within an answer, only queue.
// So answers come in order and never nest.
//
// Thread safety: as Journal says. Close must not be called from within an answer.
class MemoryJournal final : public Journal {
 public:
  struct Options {
    std::function<WallTime()> now;  // for how long purged ids are remembered; empty: the system's clock
  };
  // What to do with an append instead of carrying it out and saying so.
  enum class Fault : uint8_t {
    kFail,           // kFailed
    kLoseRequest,    // kUnknown, not written
    kLoseReply,      // kUnknown, written
    kLoseOwnership,  // another owner has come: this append and later ones of its epoch are fenced
  };

  MemoryJournal() : MemoryJournal(Options{}) {}
  explicit MemoryJournal(Options options);
  ~MemoryJournal() override;

  JournalCapabilities capabilities() const override { return {.backend = "memory", .durable = false}; }
  void Acquire(std::vector<std::string> groups, Done<uint64_t> done) override;
  void AppendAsync(Append append, std::function<void(AppendResult)> done) override;
  void OnBatch(std::function<void()> flush) override;
  void Head(std::string group, Done<uint64_t> done) override;
  void Read(std::string group, uint64_t from, PageLimit limit, Done<std::vector<Record>> done) override;
  void Watch(std::string cursor, PageLimit limit, Done<WatchPage> done) override;
  void Newest(Done<std::string> done) override;
  void List(GroupFilter filter, PageLimit limit, std::string token, Done<GroupPage> done) override;
  void Find(std::string group, Done<GroupSummary> done) override;
  void FindRequest(std::string request_id, Done<std::string> done) override;
  void Purge(std::vector<std::string> groups, bool keeps_id, Done<std::vector<Result<Void>>> done) override;
  void Oldest(bool failed, size_t limit, std::string token, Done<EndedPage> done) override;
  JournalUsage usage() const override COVEY_EXCLUDES(mutex_);
  void Orphans(Done<std::vector<std::string>> done) override { done(std::vector<std::string>()); }
  void OutputIsGone(std::vector<std::string>) override {}
  void PutSnapshot(std::string group, uint64_t epoch, Snapshot snapshot, Done<Void> done) override;
  void ReadSnapshot(std::string group, Done<std::optional<Snapshot>> done) override;
  void ReadTasks(std::string group, uint32_t task, uint32_t end, Done<std::vector<TaskBlock>> done) override;
  void FindMarks(std::string group, std::vector<Mark> marks, Done<std::vector<Mark>> done) override;
  void PutPool(StoredPool pool, Done<Void> done) override;
  void RemovePool(std::string name, Done<Void> done) override;
  void Pools(Done<std::vector<StoredPool>> done) override;
  void Probe(Done<Void> done) override { done(Void{}); }
  void HoldFiles(Done<std::shared_ptr<void>> done) override {
    done(Error{.code = ErrorCode::kUnimplemented,
               .reason = "NO_BACKUP",
               .message = "the journal is in memory: there is nothing that a backup could be made of"});
  }

  void Close() override;

  // For tests. The next `count` appends that are taken from the queue meet `fault`.
  void Inject(Fault fault, size_t count) COVEY_EXCLUDES(mutex_);
  // The next `count` reads (Head, Read, Watch, Newest, List, Find, FindRequest) answer kUnavailable.
  void FailReads(size_t count) COVEY_EXCLUDES(mutex_);
  // The next `count` changes of pools (PutPool, RemovePool) answer kUnavailable and change nothing.
  void FailPools(size_t count) COVEY_EXCLUDES(mutex_);
  // Appends stay in the queue from now on, until ReleaseCommits carries them out on the caller's thread.
  void HoldCommits() COVEY_EXCLUDES(mutex_);
  void ReleaseCommits() COVEY_EXCLUDES(mutex_);
  // Blocks until `count` appends or more are held.
  void AwaitHeld(size_t count) COVEY_EXCLUDES(mutex_);

 private:
  struct Pending {
    Append append;
    std::function<void(AppendResult)> done;
  };
  // One append, as it was committed.
  struct Entry {
    std::string group;
    uint64_t commit_id = 0;
    BatchPtr batch;
  };
  struct Group {
    GroupSummary summary;
    uint64_t order = 0;  // of creation
    uint64_t head = 0;
    std::string request;
    uint64_t bytes = 0;  // once it is over
    std::optional<Snapshot> snapshot;
    std::map<std::pair<Mark::Kind, std::string>, Mark> marks;
    std::map<uint32_t, TaskBlock> tasks;  // by the first
    std::map<uint32_t, TaskBlock> late_tasks;
    std::map<uint64_t, uint64_t> entries;  // by number of their last record: key in log_
  };

  struct Ended {
    // Groups that are over: by whether they failed, their end and their order.
    std::map<std::tuple<bool, WallTime, uint64_t>, const Group*> groups;
    uint64_t bytes = 0;
  };

  void Drain() COVEY_EXCLUDES(mutex_);
  // The group is over, with so many events.
  void EndLocked(Group& group, uint64_t events) COVEY_REQUIRES(mutex_);
  Result<Void> PurgeLocked(const std::string& id, bool keeps_id) COVEY_REQUIRES(mutex_);
  AppendResult CarryOutLocked(Append append) COVEY_REQUIRES(mutex_);
  AppendResult WriteLocked(Append append) COVEY_REQUIRES(mutex_);
  uint64_t OwnerLocked(const std::string& group) const COVEY_REQUIRES(mutex_);
  journal::Standing StandingLocked(const Append& append) const COVEY_REQUIRES(mutex_);
  // Why a pool cannot be changed; nullopt: it can.
  std::optional<Error> RefusePoolLocked() COVEY_REQUIRES(mutex_);
  // Why a read cannot be answered; nullopt: it can.
  std::optional<Error> RefuseReadLocked() COVEY_REQUIRES(mutex_);
  Result<GroupPage> ListLocked(const GroupFilter& filter, PageLimit limit, const std::string& token) const
      COVEY_REQUIRES(mutex_);
  Result<WatchPage> WatchLocked(const std::string& cursor, PageLimit limit) const COVEY_REQUIRES(mutex_);
  GroupSummary SummaryLocked(const Group& group) const COVEY_REQUIRES(mutex_);
  void ForgetOldLocked() COVEY_REQUIRES(mutex_);

  // Constant after construction.
  const std::function<WallTime()> now_;
  const uint64_t identity_;

  std::function<void()> flush_;  // set before the first append

  mutable Mutex mutex_;  // a leaf: nothing is called with it held
  CondVar changed_;      // of queue_, draining_
  bool closed_ COVEY_GUARDED_BY(mutex_) = false;
  bool held_ COVEY_GUARDED_BY(mutex_) = false;
  bool draining_ COVEY_GUARDED_BY(mutex_) = false;
  std::vector<Pending> queue_ COVEY_GUARDED_BY(mutex_);
  std::deque<std::pair<Fault, size_t>> faults_ COVEY_GUARDED_BY(mutex_);
  size_t failing_reads_ COVEY_GUARDED_BY(mutex_) = 0;

  uint64_t newest_epoch_ COVEY_GUARDED_BY(mutex_) = 0;
  uint64_t owner_of_all_ COVEY_GUARDED_BY(mutex_) = 0;
  std::unordered_map<std::string, uint64_t> owners_ COVEY_GUARDED_BY(mutex_);

  uint64_t next_entry_ COVEY_GUARDED_BY(mutex_) = 1;
  uint64_t next_order_ COVEY_GUARDED_BY(mutex_) = 1;
  std::map<uint64_t, Entry> log_ COVEY_GUARDED_BY(mutex_);
  std::unordered_map<std::string, Group> groups_ COVEY_GUARDED_BY(mutex_);
  std::map<std::pair<WallTime, uint64_t>, const Group*> by_age_ COVEY_GUARDED_BY(mutex_);  // created, order
  Ended ended_ COVEY_GUARDED_BY(mutex_);
  std::unordered_map<std::string, std::string> requests_ COVEY_GUARDED_BY(mutex_);
  std::map<std::string, StoredPool> pools_ COVEY_GUARDED_BY(mutex_);
  size_t failing_pools_ COVEY_GUARDED_BY(mutex_) = 0;
  std::unordered_map<std::string, WallTime> purged_ COVEY_GUARDED_BY(mutex_);        // id: until when
  std::unordered_map<std::string, WallTime> old_requests_ COVEY_GUARDED_BY(mutex_);  // of purged groups
};

}  // namespace covey
