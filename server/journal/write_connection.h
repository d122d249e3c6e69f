#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/journal/journal.h"
#include "server/journal/ended_totals.h"
#include "server/journal/log_keeper.h"
#include "server/journal/reserve.h"
#include "server/journal/rules.h"
#include "server/journal/sqlite.h"
#include "server/journal/sqlite_open.h"
#include "server/journal/write_statements.h"

namespace covey {

// The one connection that writes: appends inside a transaction, ownership, purges. Used by one thread at a
// time.
//
// Invariants:
// 1. heads_ holds what the file holds; it is dropped when a transaction fails.
// 2. Of a failed transaction nothing is in the file, now or after a restart. A COMMIT that failed to sync has
// left
//    frames in the log that recovery after a crash would take for good: they are overwritten (Fence) before
//    anybody is told of the failure.
// 3. gids and seqs are never used twice.
// 4. What is damaged is never written as if it were sound: rows keep their checksums, and a row that is not what was
//    stored is neither replaced nor deleted where that could harm others.
//
// Only this connection checkpoints: SQLite before 3.51.3 may damage a file that two connections write to and
// checkpoint at the same instant.
class WriteConnection {
 public:
  using Clock = LogKeeper::Clock;

  static Result<std::unique_ptr<WriteConnection>> Open(SqliteFile file, std::function<WallTime()> now);
  ~WriteConnection();

  // Appends: Begin, Write for each, Commit. When one of them fails: Abandon, which tells what to answer to
  // every append since Begin.
  bool Begin();
  // The answer once the transaction is committed; nullopt: it is broken. Adds the size of what it writes to
  // `bytes`.
  std::optional<AppendResult> Write(const Append& append, size_t* bytes);
  bool Commit();
  AppendResult Abandon();

  // Each is a transaction of its own.
  Result<uint64_t> Acquire(const std::vector<std::string>& groups);
  // What forgets groups, of many in one transaction; answers for each.
  struct Purged {
    std::string group;
    bool keeps_id = false;
  };
  std::vector<Result<Void>> Purge(const std::vector<Purged>& groups);
  // Output of purged groups that is there no more: forgotten with what is tidied next.
  void OutputIsGone(std::vector<std::string> groups);
  Result<Void> PutSnapshot(const std::string& group, uint64_t epoch, const Snapshot& snapshot);
  Result<Void> PutPool(const StoredPool& pool);
  Result<Void> RemovePool(const std::string& name);
  // Deletes some of the records of purged groups, or gives some of the room that is free in the file back. False:
  // there is nothing to do, or it failed.
  bool Tidy();

  // Writes something when the last write failed (`ailing`) or the disk looks full; keeps the reserve.
  Result<Void> Probe(bool ailing);
  // The journal itself could not be written, as told from a call that was refused.
  static bool IsTrouble(const Error& error);

  // While the answer is held nothing is moved from the log into the database.
  std::shared_ptr<void> Hold();
  // Moves a log that has grown into the database; between transactions, once their answers are out.
  void CheckpointIfDue();
  // When the log is to begin anew: it is far too long, which only reads that overlap for ever bring about, or
  // holds what was purged. nullopt: it need not.
  std::optional<Clock::time_point> RestartsLogAt() const;
  // Makes the log empty; nobody reads.
  void RestartLog();

  uint64_t identity() const { return identity_; }
  // As JournalUsage. From any thread.
  WallTime purges_from() const { return WallTime(std::chrono::microseconds(purges_from_.load())); }
  const EndedTotals& ended() const { return ended_; }

 private:
  struct Head {
    int64_t gid = 0;  // 0: no such group
    uint64_t number = 0;
    std::optional<uint64_t> bytes;  // in the journal; nullopt: not known
  };

  WriteConnection(SqliteFile file, std::function<WallTime()> now);

  Result<Void> Connect();
  std::optional<Head> FindHead(const std::string& group);
  // The oldest epoch that may write to the group.
  uint64_t OwnerOf(const std::string& group) const;
  std::optional<journal::Standing> StandingOf(const Append& append, const Head& head);
  bool InsertGroup(const Append& append, int64_t gid);
  bool InsertRecords(const Append& append, int64_t gid, size_t* bytes);
  bool ProvesGroup(const std::string& group, int64_t gid);
  bool UpdateGroup(const Append& append, int64_t gid);
  bool WriteOwners(const std::vector<std::string>& groups, uint64_t epoch);
  // Tells that the group is over.
  bool InsertEnded(const Append& append, const Head& head);
  // About the bytes of a group that has `events` events.
  std::optional<uint64_t> SizeOf(int64_t gid, uint64_t events);
  // nullopt: the transaction is broken.
  std::optional<Result<Void>> Forget(const Purged& purged);
  Result<GroupSummary> SummaryOfOver(const std::string& group, int64_t gid);
  std::optional<Error> DamageOfEvents(const std::string& group, int64_t gid);
  bool ForgetNames(const GroupSpec& spec, int64_t created, int64_t expires, int64_t gid);
  bool ForgetNames(const std::string& group, int64_t expires, int64_t gid);
  bool ForgetGroup(const Purged& purged, int64_t gid, Error* refused);
  bool LookAtGarbage(int64_t gid, int64_t most);
  bool SetMeta(std::string_view key, int64_t value);
  bool GetMeta(std::string_view key, int64_t* value);
  bool Fence();
  // Nothing may be written; broken_ says why.
  bool Refused();
  // Of a transaction that is no append: rolls back.
  Error Fail();
  // The answers, unless it cannot be written.
  Result<std::vector<Result<Void>>> TryPurge(const std::vector<Purged>& groups);
  // Within a transaction of its own: some of what is no longer needed. nullopt: it is broken.
  std::optional<bool> ForgetSome();
  bool IsFull() const { return broken_.code == ErrorCode::kResourceExhausted; }
  // Moves the log into the database, unless the files are held. A failure costs nothing yet: the log holds
  // everything, and the next commit that fails says why.
  void Checkpoint();
  // Deletes some of the records of purged groups. False: none are left, or it failed.
  bool CollectGarbage();
  // Gives some of the room that is free in the file back, as long as there is much. False: there is not, or it
  // failed.
  bool Shrink();
  // Why the last statement failed, with the path of the file.
  Error LastError() const;

  // Constant after Open.
  const SqliteFile file_;
  const std::function<WallTime()> now_;
  uint64_t identity_ = 0;

  std::atomic<int64_t> purges_from_ = 0;
  EndedTotals ended_;
  std::vector<std::string> gone_;  // ids whose output is

  Reserve reserve_;
  std::weak_ptr<void> hold_;
  sqlite::Database db_;  // not open: the last reconnect failed
  std::unique_ptr<WriteStatements> statements_;
  Error broken_;            // why Write or Begin failed
  bool in_commit_ = false;  // a COMMIT failed
  bool refused_ = false;    // the last Begin: nothing was tried
  uint64_t newest_epoch_ = 0;
  uint64_t owner_of_all_ = 0;
  std::unordered_map<std::string, uint64_t> owners_;  // of groups with an owner of their own
  int64_t next_gid_ = 1;
  int64_t next_seq_ = 1;
  int64_t fence_ = 0;
  std::unordered_map<std::string, Head> heads_;
  std::string buffer_;
  LogKeeper keeper_;
};

}  // namespace covey
