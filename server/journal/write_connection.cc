#include "server/journal/write_connection.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "server/journal/checksum.h"
#include "server/journal/row_length.h"
#include "server/journal/storage.h"
#include "server/journal/storage_values.h"
#include "server/journal/verified.h"

namespace covey {
namespace {

// Groups whose heads are remembered; all are forgotten when there are more.
constexpr size_t kMaxHeads = 100'000;
// Below this a disk is as good as full.
constexpr uint64_t kLittleRoom = uint64_t{64} << 10;
// Keys that are larger were never given.
constexpr int64_t kMostKeys = int64_t{1} << 60;

}  // namespace

WriteConnection::WriteConnection(SqliteFile file, std::function<WallTime()> now)
    : file_(std::move(file)),
      now_(std::move(now)),
      reserve_(file_.path.substr(0, file_.path.find_last_of('/') + 1) + "reserve"),
      keeper_(file_.checkpoint_pages, file_.scrub_every) {}

WriteConnection::~WriteConnection() { statements_.reset(); }

Result<std::unique_ptr<WriteConnection>> WriteConnection::Open(SqliteFile file,
                                                               std::function<WallTime()> now) {
  std::unique_ptr<WriteConnection> connection(new WriteConnection(std::move(file), std::move(now)));
  if (Result<Void> connected = connection->Connect(); !connected.ok()) {
    Error error = connected.error();
    if (error.message.find(connection->file_.path) == std::string::npos)
      error.message = connection->file_.path + ": " + error.message;
    return error;
  }
  (void)connection->reserve_.Keep();
  return connection;
}

Result<Void> WriteConnection::Connect() {
  Result<sqlite::Database> opened = OpenForWriting(file_);
  if (!opened.ok()) return opened.error();
  auto statements = std::make_unique<WriteStatements>();
  if (Result<Void> prepared = statements->Prepare(opened.value()); !prepared.ok()) return prepared.error();
  statements_ = std::move(statements);  // the old ones go before their connection
  db_ = std::move(opened.value());

  int64_t identity = 0, epoch = 0, owner = 0, next_gid = 0, next_seq = 0;
  if (!GetMeta("identity", &identity) || !GetMeta("epoch", &epoch) || !GetMeta("owner_of_all", &owner) ||
      !GetMeta("next_gid", &next_gid) || !GetMeta("next_seq", &next_seq) || !GetMeta("fence", &fence_)) {
    return db_.last_error();
  }
  if (int64_t from = 0; GetMeta("purges_from", &from)) purges_from_ = from;
  const auto ended = db_.QueryInt("SELECT count(*) FROM ended");
  const auto ended_bytes = db_.QueryInt("SELECT coalesce(sum(bytes), 0) FROM ended");
  if (!ended || (!ended_bytes && db_.last_error().code != ErrorCode::kDataLoss)) return db_.last_error();
  // These rows have no checksums: once some leaf is damaged nothing is purged for its bytes.
  ended_.Set(*ended, db_.Damage() > 0 ? 0 : ended_bytes.value_or(0));
  identity_ = static_cast<uint64_t>(identity);
  newest_epoch_ = static_cast<uint64_t>(epoch);
  owner_of_all_ = static_cast<uint64_t>(owner);
  auto last_gid = db_.QueryInt("SELECT max(gid) FROM groups");
  auto last_seq = db_.QueryInt("SELECT max(seq) FROM records");
  if (!last_gid || !last_seq || db_.Damage() > 0 || std::max(*last_gid, *last_seq) > kMostKeys) {
    // The keys of rows may be others; an index is right or cannot be read.
    last_gid = db_.QueryInt("SELECT coalesce(max(gid), 0) FROM groups INDEXED BY groups_created");
    last_seq = db_.QueryInt("SELECT coalesce(max(seq), 0) FROM records INDEXED BY records_group");
  }
  if (!last_gid || !last_seq) return db_.last_error();
  next_gid_ = std::max(next_gid, *last_gid + 1);
  next_seq_ = std::max(next_seq, *last_seq + 1);

  owners_.clear();
  Result<sqlite::Statement> owners = db_.Prepare("SELECT id, epoch FROM owners");
  if (!owners.ok()) return owners.error();
  sqlite::Step step;
  while ((step = owners.value().Next()) == sqlite::Step::kRow) {
    owners_[std::string(owners.value().Bytes(0))] = static_cast<uint64_t>(owners.value().Int(1));
  }
  if (step == sqlite::Step::kFailed) return db_.last_error();
  return Void{};
}

bool WriteConnection::SetMeta(std::string_view key, int64_t value) {
  return statements_->set_meta.BindText(key).Bind(value).Run();
}

bool WriteConnection::GetMeta(std::string_view key, int64_t* value) {
  sqlite::Use get(statements_->get_meta);
  if (get->BindText(key).Next() != sqlite::Step::kRow) return false;
  *value = get->Int(0);
  return true;
}

bool WriteConnection::Refused() {
  refused_ = false;
  const std::optional<Error> refusal = file_.refusal ? file_.refusal() : std::nullopt;
  if (!refusal) return false;
  broken_ = *refusal;
  refused_ = true;
  return true;
}

bool WriteConnection::Begin() {
  in_commit_ = false;
  ended_.Begin();
  if (Refused()) return false;
  if (!db_.is_open()) {
    if (Result<Void> connected = Connect(); !connected.ok()) {
      broken_ = connected.error();
      statements_.reset();
      db_.Close();
      return false;
    }
  }
  if (statements_->begin.Run()) return true;
  broken_ = LastError();
  return false;
}

bool WriteConnection::Commit() {
  if (statements_->commit.Run()) {
    ended_.Commit();
    return true;
  }
  broken_ = LastError();
  in_commit_ = true;
  return false;
}

// Overwrites what a failed COMMIT may have left at the end of the log.
bool WriteConnection::Fence() {
  return statements_->begin.Run() && SetMeta("fence", ++fence_) && statements_->commit.Run();
}

AppendResult WriteConnection::Abandon() {
  heads_.clear();
  AppendResult result = journal::Failed(broken_);
  if (!db_.is_open() || refused_) return result;
  if (db_.in_transaction()) (void)db_.Execute("ROLLBACK");
  if (IsFull()) {
    if (db_.in_transaction()) db_.Close();
    return result;  // no room for the frame that would make a transaction of the others
  }
  const bool unclear = in_commit_ && !Fence();
  if (unclear) result.kind = AppendResult::Kind::kUnknown;
  // A new connection, since what the old one has cached may not be what the file holds. The new one is open
  // before the old one closes: the last connection of a file to close would take its log apart.
  if (db_.in_transaction()) (void)db_.Execute("ROLLBACK");
  std::unique_ptr<WriteStatements> old_statements = std::move(statements_);
  sqlite::Database old = std::move(db_);
  // At the path there may be somebody else's file by now.
  if ((file_.refusal && file_.refusal()) || !Connect().ok()) {
    statements_.reset();
    db_.Close();
  }
  old_statements.reset();
  return result;
}

std::optional<WriteConnection::Head> WriteConnection::FindHead(const std::string& group) {
  if (const auto known = heads_.find(group); known != heads_.end()) return known->second;
  Head head;
  {
    sqlite::Use find(statements_->find_gid);
    const sqlite::Step step = find->BindText(group).Next();
    if (step == sqlite::Step::kFailed) return std::nullopt;
    if (step == sqlite::Step::kDone) return head;
    head.gid = find->Int(0);
  }
  sqlite::Use last(statements_->head);
  if (last->Bind(head.gid).Next() != sqlite::Step::kRow) return std::nullopt;
  head.number = static_cast<uint64_t>(last->Int(0));
  return head;
}

uint64_t WriteConnection::OwnerOf(const std::string& group) const {
  const auto owner = owners_.find(group);
  return owner != owners_.end() ? owner->second : std::max<uint64_t>(owner_of_all_, 1);
}

std::optional<journal::Standing> WriteConnection::StandingOf(const Append& append, const Head& head) {
  journal::Standing standing{.head = head.number, .owner = OwnerOf(append.group), .newest = newest_epoch_};
  if (head.gid == 0) {
    sqlite::Use purged(statements_->find_purged);
    const sqlite::Step step = purged->BindText(append.group).Next();
    if (step == sqlite::Step::kFailed) return std::nullopt;
    standing.purged = step == sqlite::Step::kRow && purged->Int(0) > storage::ToMicros(now_());
  }
  if (const std::string& request = journal::RequestOf(append); !request.empty()) {
    sqlite::Use maker(statements_->find_request);
    const sqlite::Step step = maker->BindText(request).Bind(storage::ToMicros(now_())).Next();
    if (step == sqlite::Step::kFailed) return std::nullopt;
    if (step == sqlite::Step::kRow) standing.request_of = maker->Bytes(0);
  }
  if (head.gid != 0 && append.expected < head.number) {
    sqlite::Use commit(statements_->find_commit);
    const sqlite::Step step = commit->Bind(head.gid).Bind(append.expected + 1).Next();
    if (step == sqlite::Step::kFailed) return std::nullopt;
    standing.repeated = step == sqlite::Step::kRow &&
                        commit->Int(0) == static_cast<int64_t>(append.expected + 1) &&
                        commit->Int(1) == static_cast<int64_t>(append.commit_id);
    // The commit id has no checksum of its own: whether the append is there cannot be told.
    if (!standing.repeated && db_.Damage() > 0) {
      db_.Fail(verified::DamagedEvents(append.group, append.expected + 1, head.number,
                                       "it cannot be told whose they are"));
      return std::nullopt;
    }
  }
  return standing;
}

std::optional<AppendResult> WriteConnection::Write(const Append& append, size_t* bytes) {
  const auto fail = [this] {
    broken_ = LastError();
    return std::nullopt;
  };
  std::optional<Head> head = FindHead(append.group);
  if (!head.has_value()) return fail();
  const std::optional<journal::Standing> standing = StandingOf(append, *head);
  if (!standing.has_value()) return fail();
  if (std::optional<AppendResult> refused = journal::Judge(append, *standing)) return refused;

  if (head->gid == 0) {
    head->gid = next_gid_++;
    head->bytes = 0;
    if (!InsertGroup(append, head->gid)) return fail();
  } else if (append.summary.has_value() && !UpdateGroup(append, head->gid)) {
    return fail();
  }
  const size_t before = *bytes;
  if (!InsertRecords(append, head->gid, bytes)) return fail();
  head->number = append.batch->last();
  if (head->bytes) *head->bytes += *bytes - before;
  if (append.summary && append.summary->state.completed && !InsertEnded(append, *head)) return fail();
  if (append.batch->records().back().event.kind == state::EventKind::kGroupCompleted) {
    heads_.erase(append.group);
  } else {
    if (heads_.size() >= kMaxHeads) heads_.clear();
    heads_[append.group] = *head;
  }
  return journal::Committed(head->number);
}

Error WriteConnection::LastError() const {
  Error error = db_.last_error();
  error.message = file_.path + ": " + error.message;
  return error;
}

bool WriteConnection::IsTrouble(const Error& error) {
  static const std::set<std::string> kTroubles{"DATA_DIR_COPIED", "DATA_DIR_GONE",  "DATA_DIR_UNUSABLE",
                                               "JOURNAL_CORRUPT", "JOURNAL_FAILED", "JOURNAL_FULL"};
  return kTroubles.contains(error.reason);
}

Result<Void> WriteConnection::Probe(bool ailing) {
  if (Refused()) return broken_;
  struct statvfs disk {};
  const bool full = ::statvfs(file_.path.c_str(), &disk) == 0 && disk.f_bavail * disk.f_frsize < kLittleRoom;
  if (!ailing && !full) {
    (void)reserve_.Keep();
    return Void{};
  }
  if (!Begin() || !SetMeta("fence", ++fence_) || !Commit()) return Fail();
  return Void{};
}

Error WriteConnection::Fail() {
  if (db_.is_open() && !refused_) broken_ = LastError();
  Error error = broken_;
  (void)Abandon();
  return error;
}

bool WriteConnection::WriteOwners(const std::vector<std::string>& groups, uint64_t epoch) {
  if (!SetMeta("epoch", static_cast<int64_t>(epoch))) return false;
  if (groups.empty()) {
    return SetMeta("owner_of_all", static_cast<int64_t>(epoch)) && db_.Execute("DELETE FROM owners");
  }
  return std::all_of(groups.begin(), groups.end(), [&](const std::string& group) {
    return statements_->insert_owner.BindText(group).Bind(epoch).Run();
  });
}

Result<uint64_t> WriteConnection::Acquire(const std::vector<std::string>& groups) {
  if (!Begin()) return Fail();
  const uint64_t epoch = newest_epoch_ + 1;
  if (!WriteOwners(groups, epoch) || !Commit()) return Fail();
  newest_epoch_ = epoch;
  if (groups.empty()) {
    owner_of_all_ = epoch;
    owners_.clear();
  }
  for (const std::string& group : groups) owners_[group] = epoch;
  return epoch;
}

Result<Void> WriteConnection::PutSnapshot(const std::string& group, uint64_t epoch,
                                          const Snapshot& snapshot) {
  if (!Begin()) return Fail();
  const std::optional<Head> head = FindHead(group);
  if (!head.has_value()) return Fail();
  const journal::Standing standing{.head = head->number, .owner = OwnerOf(group), .newest = newest_epoch_};
  if (std::optional<Error> refused = journal::RefuseSnapshot(group, epoch, snapshot, standing)) {
    if (!db_.Execute("ROLLBACK")) return Fail();
    return *std::move(refused);
  }
  if (db_.Damage() > 0) {  // as ProvesGroup; the events tell what the snapshot does
    if (!db_.Execute("ROLLBACK")) return Fail();
    return verified::DamagedGroup(group);
  }
  const Place place{.part = Part::kSnapshot, .gid = head->gid, .group = group, .number = snapshot.number};
  const bool put = statements_->put_snapshot.Bind(head->gid)
                       .Bind(snapshot.number)
                       .BindBlob(snapshot.bytes)
                       .Bind(Checksum(place, snapshot.bytes))
                       .Run();
  const bool marked = std::all_of(snapshot.marks.begin(), snapshot.marks.end(), [&](const Mark& mark) {
    return statements_->put_mark.Bind(head->gid)
        .Bind(static_cast<int64_t>(mark.kind))
        .BindText(mark.key)
        .Bind(static_cast<int64_t>(mark.first))
        .Bind(static_cast<int64_t>(mark.count))
        .Bind(mark.fingerprint)
        .Run();
  });
  const bool listed = std::all_of(snapshot.tasks.begin(), snapshot.tasks.end(), [&](const TaskBlock& block) {
    const Place tasks{.part = Part::kTasks,
                      .gid = head->gid,
                      .group = group,
                      .number = uint64_t{block.first} * 2 + (block.late ? 1 : 0)};
    return statements_->put_tasks.Bind(head->gid)
        .Bind(int64_t{block.late})
        .Bind(static_cast<int64_t>(block.first))
        .BindBlob(block.bytes)
        .Bind(Checksum(tasks, block.bytes))
        .Run();
  });
  if (!put || !marked || !listed || !Commit()) return Fail();
  return Void{};
}

Result<Void> WriteConnection::PutPool(const StoredPool& pool) {
  if (!Begin()) return Fail();
  const bool put = statements_->put_pool.BindText(pool.name)
                       .Bind(static_cast<int64_t>(pool.max))
                       .Bind(int64_t{pool.closing})
                       .Run();
  if (!put || !Commit()) return Fail();
  return Void{};
}

Result<Void> WriteConnection::RemovePool(const std::string& name) {
  if (!Begin()) return Fail();
  if (!statements_->remove_pool.BindText(name).Run() || !Commit()) return Fail();
  return Void{};
}

std::shared_ptr<void> WriteConnection::Hold() {
  std::shared_ptr<void> hold = hold_.lock();
  if (hold == nullptr) hold_ = hold = std::make_shared<int>();
  return hold;
}

void WriteConnection::Checkpoint() {
  if (hold_.expired()) (void)db_.Checkpoint();
}

void WriteConnection::CheckpointIfDue() {
  if (db_.is_open() && keeper_.Moves(db_.log_pages())) Checkpoint();
}

std::optional<WriteConnection::Clock::time_point> WriteConnection::RestartsLogAt() const {
  if (!db_.is_open()) return std::nullopt;
  return keeper_.RestartsAt(db_.log_pages(), !hold_.expired());
}

void WriteConnection::RestartLog() {
  if (!db_.is_open() || !hold_.expired()) return;
  const bool empty = db_.TruncateLog();
  keeper_.Restarted(empty, db_.log_pages());
}

}  // namespace covey
