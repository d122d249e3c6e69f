#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/journal/batch.h"
#include "core/journal/page_limit.h"
#include "core/journal/record.h"
#include "core/spec/group_spec.h"
#include "core/state/group_state.h"
#include "covey/result.h"
#include "covey/status.h"

namespace covey {

// What is listed of a group without reading its events.
struct GroupSummary {
  std::shared_ptr<const GroupSpec> spec;
  state::GroupState state;
  std::shared_ptr<const Failure> failure;        // of the decision; null when it succeeded or is undecided
  std::shared_ptr<const Failure> first_failure;  // the first of a task; null when none failed
  WallTime created{};
  WallTime decided{};    // epoch: not yet
  WallTime completed{};  // epoch: not yet
  uint64_t last_number = 0;
  uint64_t output_bytes = 0;  // kept of what its tasks wrote; stored with what ends it, and not listed
  // What its first task runs: of what was listed before, the beginning of its work alone. Null: it has none.
  std::shared_ptr<const TaskSpec> first_task;
};

// Events appended together: all or none. What was sent may be sent again, and is then written once.
struct Append {
  std::string group;
  uint64_t epoch = 0;      // of the Acquire that made the caller the owner of this group
  uint64_t expected = 0;   // number of the newest event before this append; 0: the group does not exist
  uint64_t commit_id = 0;  // of this append of the group and no other, whoever owns it (CommitIds)
  BatchPtr batch;          // numbered expected + 1, …; not empty
  // Set when the listing of the group changes: with its creation, decision and completion.
  std::optional<GroupSummary> summary;
};

struct AppendResult {
  enum class Kind : uint8_t {
    kCommitted,  // durable; also the answer to an append that was committed before and is sent again
    kBehind,     // the newest event is not `expected`: read what is new, fold it, decide again
    kFenced,     // another epoch owns the group: stop what runs of it, answer its callers, forget it
    kDuplicate,  // a creation: the id or the request id is taken, by `existing`
    kFailed,     // `error` says why
    kUnknown,    // written or not, `error` says why: send the same append again
  };
  // Nothing was written unless it is kCommitted or kUnknown.
  Kind kind = Kind::kFailed;
  uint64_t head = 0;     // kCommitted: number of the append's last event; kBehind: of the group's newest
  std::string existing;  // kDuplicate: the group that has the id, or was made by the request
  Error error;           // kFailed, kUnknown
};

// A group that cannot be told.
struct DamagedGroup {
  std::string group;
  Error error;  // kDataLoss
};

// Events of one group next to each other, as Watch tells them.
struct WatchedRecords {
  std::shared_ptr<const GroupSpec> group;
  std::vector<Record> records;
};

struct WatchPage {
  std::vector<WatchedRecords> groups;
  std::vector<DamagedGroup> damaged;  // events that cannot be told, and so are left out
  std::string cursor;                 // resume after this page
  bool more = false;  // the page ends before the journal does, perhaps without events: read on at once
};

// Where a group is, as it is listed. The numbers are stored in journals: never renumber.
enum class GroupPhase : uint8_t { kRunning = 1, kStopping = 2, kSucceeded = 3, kFailed = 4, kCancelled = 5 };

// Running until decided, stopping until completed, then its outcome.
inline GroupPhase PhaseOf(const state::GroupState& state) {
  if (!state.decided) return GroupPhase::kRunning;
  if (!state.completed) return GroupPhase::kStopping;
  if (state.outcome == state::Outcome::kSucceeded) return GroupPhase::kSucceeded;
  return state.outcome == state::Outcome::kCancelled ? GroupPhase::kCancelled : GroupPhase::kFailed;
}

struct GroupFilter {
  std::vector<GroupPhase> phases;  // one of these; empty: all
  Labels labels;                   // all of these
  std::string name_prefix;
  std::string id_prefix;
  std::string name;          // exactly; empty: any
  WallTime created_from{};   // epoch: no bound
  WallTime created_until{};  // exclusive; epoch: no bound
};

struct GroupPage {
  std::vector<GroupSummary> groups;   // newest first
  std::vector<DamagedGroup> damaged;  // whether the filter asks for them or not
  std::string next;                   // empty: the last page; a page before it may have few groups, or none
};

// A group that is over, as those see it who purge.
struct EndedGroup {
  std::string id;
  WallTime ended{};
  GroupPhase phase = GroupPhase::kSucceeded;
  uint64_t bytes = 0;  // about so many in the journal and in its output
};

struct EndedPage {
  std::vector<EndedGroup> groups;  // the one that ended first first
  std::string next;                // empty: the last page
};

// What the groups that are over take, and the files of the journal.
struct JournalUsage {
  uint64_t ended_groups = 0;
  uint64_t ended_bytes = 0;
  uint64_t file_bytes = 0;  // 0: there are no files
  // Nothing is to be purged without being asked for before: an older version, which kept everything, has written
  // it. Epoch: no such time.
  WallTime purges_from{};
};

// What the owner of a group looks up by a key once it is no longer in its memory.
struct Mark {
  enum class Kind : uint8_t { kTaskName = 1, kRequest = 2 };  // stored in journals: never renumber

  Kind kind{};
  std::string key;
  // Of a name the index of the task; of a request that of its first task, with what RequestMark has.
  uint32_t first = 0;
  uint32_t count = 0;
  uint64_t fingerprint = 0;

  bool operator==(const Mark&) const = default;
};

// Tasks next to each other that have left the memory of their owner, or one alone that has followed them late. What the
// bytes say is its affair.
struct TaskBlock {
  uint32_t first = 0;
  bool late = false;
  std::string bytes;

  bool operator==(const TaskBlock&) const = default;
};

// The state of a group as of one of its events, so that a replay of it need not begin with the first. What
// the bytes say is the affair of the owner, who made them.
struct Snapshot {
  uint64_t number = 0;  // of the last event that is in it
  std::string bytes;
  // Kept for FindMarks and ReadTasks beside those of older snapshots; ReadSnapshot gives none.
  std::vector<Mark> marks;
  std::vector<TaskBlock> tasks;

  bool operator==(const Snapshot&) const = default;
};

// A pool that was made while the daemon ran, as it is kept.
struct StoredPool {
  std::string name;
  uint32_t max = 0;
  bool closing = false;  // refuses new groups, and goes with the last that uses it

  bool operator==(const StoredPool&) const = default;
};

struct JournalCapabilities {
  std::string backend;  // "sqlite", "memory"
  bool durable = false;
  bool copied = false;  // a copy of a journal that may be in use: it is read, and every write is refused
};

// The ordered, durable log of each group's events. It holds facts, never a queue.
//
// Thread safety: every method may be called from any thread. Every `done` is called exactly once, from any
// thread, possibly before the method returns, never with a lock of the journal held. The appends of one group
// are carried out in the order in which they were made; many groups share one commit. Reads see every append
// that was answered before they began. After Close every call answers kFailed / kUnavailable.
//
// What is stored damaged is never handed out: reads of the group that it belongs to answer kDataLoss.
class Journal {
 public:
  template <typename T>
  using Done = std::function<void(Result<T>)>;

  virtual ~Journal() = default;

  virtual JournalCapabilities capabilities() const = 0;

  // Makes the caller the owner of `groups` (empty: of all, also of those to be created) and answers the epoch
  // of each of them. Ownership is a group's: of the others it changes nothing, and the appends of their
  // owners go on. Appends of an older epoch are fenced from then on. With the lock on a data directory that
  // lock is the ownership.
  virtual void Acquire(std::vector<std::string> groups, Done<uint64_t> done) = 0;

  virtual void AppendAsync(Append append, std::function<void(AppendResult)> done) = 0;

  // `flush` is called once after each batch of append answers, on the thread that gave them: after the last
  // of the batch has returned, before the first of the next. Every answer belongs to a batch, be it one
  // alone; so what answers collect is handed over there, all at once. Set before the first append; may be
  // empty.
  virtual void OnBatch(std::function<void()> flush) = 0;

  // Number of the group's newest event; 0: no such group.
  virtual void Head(std::string group, Done<uint64_t> done) = 0;
  // Records from number `from` on (1 is the first), a page of them. None: there are no more. What follows a page
  // may be damaged, as a read from there says.
  virtual void Read(std::string group, uint64_t from, PageLimit limit, Done<std::vector<Record>> done) = 0;
  // Records of all groups after `cursor` (empty: from the first), a page of them, in the order of their
  // commits. kInvalidArgument for a cursor that this journal did not make, or not yet: one from before the
  // journal was put back to an older state.
  virtual void Watch(std::string cursor, PageLimit limit, Done<WatchPage> done) = 0;
  // The cursor behind all that is committed: Watch then tells what comes.
  virtual void Newest(Done<std::string> done) = 0;
  // kInvalidArgument for a token that List did not make for this filter. Counts of a group that is not over
  // are those of its last summary.
  virtual void List(GroupFilter filter, PageLimit limit, std::string token, Done<GroupPage> done) = 0;
  // Summary of one group; kNotFound.
  virtual void Find(std::string group, Done<GroupSummary> done) = 0;
  // Id of the group that was created with this request id; "" when there is none.
  virtual void FindRequest(std::string request_id, Done<std::string> done) = 0;

  // Forgets groups that are over or damaged, all that can be in one commit, and answers for each. Their ids are free at once or,
  // with `keeps_id`, as long as their request ids are remembered. What they had is deleted later, a little at a
  // time. Purges share a commit with those next to them.
  virtual void Purge(std::vector<std::string> groups, bool keeps_id,
                     Done<std::vector<Result<Void>>> done) = 0;
  // Groups that are over: those that failed, or the others. kInvalidArgument for a token that this did not make.
  virtual void Oldest(bool failed, size_t limit, std::string token, Done<EndedPage> done) = 0;
  virtual JournalUsage usage() const = 0;
  // Ids of purged groups whose output may still be there: until somebody says that it is not.
  virtual void Orphans(Done<std::vector<std::string>> done) = 0;
  virtual void OutputIsGone(std::vector<std::string> groups) = 0;

  // Keeps a snapshot in place of an older one; a newer one stays. Durable when answered; carried out in
  // order, also with the appends. kNotFound; kFailedPrecondition when another epoch owns the group;
  // kInvalidArgument for a number that is not that of an event.
  virtual void PutSnapshot(std::string group, uint64_t epoch, Snapshot snapshot, Done<Void> done) = 0;
  // The newest snapshot; nullopt: there is none. kDataLoss: damaged, the events alone tell the state.
  virtual void ReadSnapshot(std::string group, Done<std::optional<Snapshot>> done) = 0;
  // Those of these marks, by kind and key, that snapshots of the group have kept. kNotFound.
  virtual void FindMarks(std::string group, std::vector<Mark> marks, Done<std::vector<Mark>> done) = 0;

  // The block, not a late one, whose first task is the nearest to `task` from before, and the late ones from its first task to
  // before `end`. None: there is no such block. kNotFound, kDataLoss.
  virtual void ReadTasks(std::string group, uint32_t task, uint32_t end,
                         Done<std::vector<TaskBlock>> done) = 0;

  // Keeps a pool, or what has changed of it. Durable when answered; carried out in order, also with the
  // appends.
  virtual void PutPool(StoredPool pool, Done<Void> done) = 0;
  // Forgets a pool; one that is not there is no error.
  virtual void RemovePool(std::string name, Done<Void> done) = 0;
  // All pools, by name.
  virtual void Pools(Done<std::vector<StoredPool>> done) = 0;

  // Whether it can be written. Where the last write failed, or another would, it is tried; else nothing is
  // written.
  virtual void Probe(Done<Void> done) = 0;

  // Lets the files of the journal change at their ends alone for as long as the answer is held, so that they can
  // be copied. kUnimplemented: there are none.
  virtual void HoldFiles(Done<std::shared_ptr<void>> done) = 0;

  // Finishes what was appended and stops. Idempotent.
  virtual void Close() = 0;
};

}  // namespace covey
