#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "server/journal/verified.h"
#include "server/journal/write_connection.h"

// WriteConnection: what forgets a group, and deletes its records later.

namespace covey {
namespace {

// Deleted in one transaction at most: while it lasts nothing else is written.
constexpr int64_t kRowsStep = 1000;
constexpr int64_t kBlocksStep = 16;  // of tasks
constexpr int64_t kBytesStep = int64_t{1} << 20;
// PRAGMA auto_vacuum of a file that can give room back.
constexpr int64_t kIncremental = 2;
// Pages that stay free for what comes (4 MiB), and pages that are given back at once.
constexpr int64_t kKeptFree = 1024;
constexpr int64_t kShrinkStep = 64;
// Of a row, in its page: with more it goes on on others.
constexpr int64_t kMostInCell = 3500;

}  // namespace

// What is stored of a group that is over. An error: it is not over, or is damaged.
Result<GroupSummary> WriteConnection::SummaryOfOver(const std::string& group, int64_t gid) {
  sqlite::Use get(statements_->get_summary);
  const sqlite::Step step = get->Bind(gid).Next();
  if (step == sqlite::Step::kFailed) return LastError();
  if (step == sqlite::Step::kDone) return verified::DamagedGroup(group);
  auto spec = verified::Spec({.part = Part::kSpec, .gid = gid, .group = group}, get->Bytes(1),
                             static_cast<uint64_t>(get->Int(2)));
  if (!spec.ok()) return spec.error();
  const auto head = static_cast<uint64_t>(get->Int(3));
  auto summary =
      verified::Summary({.part = Part::kSummary, .gid = gid, .group = group, .number = head}, get->Bytes(4),
                        static_cast<uint64_t>(get->Int(5)), std::move(spec.value()));
  if (!summary.ok() || summary.value().state.completed) return summary;
  if (std::optional<Error> damage = DamageOfEvents(group, gid)) return *std::move(damage);
  return journal::NotCompleted(group);
}

// Why its events cannot all be read.
std::optional<Error> WriteConnection::DamageOfEvents(const std::string& group, int64_t gid) {
  sqlite::Use read(statements_->read_records);
  read->Bind(gid).Bind(int64_t{1});
  std::vector<Record> records;
  uint64_t next = 1;
  sqlite::Step step;
  while ((step = read->Next()) == sqlite::Step::kRow) {
    const auto first = static_cast<uint64_t>(read->Int(0));
    const auto last = static_cast<uint64_t>(read->Int(1));
    if (first != next)
      return verified::DamagedEvents(group, next, std::max(next, first - 1), "there is nothing");
    records.clear();
    const Place place{.part = Part::kRecords, .gid = gid, .group = group, .number = first};
    Result<Void> sound =
        verified::Records(place, last, read->Bytes(2), static_cast<uint64_t>(read->Int(3)), &records);
    if (!sound.ok()) return sound.error();
    next = last + 1;
  }
  if (step == sqlite::Step::kDone) return std::nullopt;
  return verified::DamagedEvents(group, next, next, db_.last_error().message);
}

bool WriteConnection::ForgetGroup(const Purged& purged, int64_t gid, Error* refused) {
  const std::string& group = purged.group;
  const Result<GroupSummary> summary = SummaryOfOver(group, gid);
  const bool damaged = !summary.ok() && summary.error().code == ErrorCode::kDataLoss;
  if (!summary.ok() && !damaged) {
    *refused = summary.error();
    return false;
  }
  const int64_t now = now_().time_since_epoch().count();
  const int64_t created = damaged ? now : summary.value().created.time_since_epoch().count();
  const int64_t expires = created + std::chrono::microseconds(journal::kRemember).count();
  if (!(damaged ? ForgetNames(group, expires, gid)
                : ForgetNames(*summary.value().spec, created, expires, gid)))
    return false;
  const bool keeps_snapshot = db_.Damage() > 0;  // it may lead to pages that are not its own
  if (!statements_->delete_group.Bind(gid).Run()) return false;
  if (db_.changes() == 0) {  // its id would stay taken
    db_.Fail(verified::DamagedGroup(group));
    return false;
  }
  {
    sqlite::Use ended(statements_->get_ended);
    const sqlite::Step step = ended->Bind(gid).Next();
    if (step == sqlite::Step::kFailed) return false;
    if (step == sqlite::Step::kRow) ended_.Subtract(ended->Int(0));
  }
  return (keeps_snapshot || statements_->delete_snapshot.Bind(gid).Run()) &&
         statements_->delete_ended.Bind(gid).Run() && statements_->insert_garbage.Bind(gid).Run() &&
         statements_->insert_orphan.BindText(group).Run() &&
         (!purged.keeps_id || statements_->insert_purged.BindText(group).Bind(expires).Run());
}

bool WriteConnection::ForgetNames(const GroupSpec& spec, int64_t created, int64_t expires, int64_t gid) {
  {
    sqlite::Use get(statements_->get_request);
    if (get->Bind(gid).Next() != sqlite::Step::kRow) return false;
    if (!get->IsNull(0) && !statements_->expire_request.Bind(expires).BindText(get->Bytes(0)).Run())
      return false;
  }
  return std::all_of(spec.labels.begin(), spec.labels.end(), [&](const auto& label) {
    return statements_->delete_label.BindText(label.first)
        .BindText(label.second)
        .Bind(created)
        .Bind(gid)
        .Run();
  });
}

// Of a group that is damaged: nobody can tell what it was found by, so all of that is looked through. A row that may lead
// to pages that are not its own is left.
bool WriteConnection::ForgetNames(const std::string& group, int64_t expires, int64_t gid) {
  if (db_.Damage() > 0 && !ProvesGroup(group, gid)) {
    sqlite::Use get(statements_->get_size);
    if (get->Bind(gid).Next() != sqlite::Step::kRow || get->Int(0) > kMostInCell) {
      db_.Fail(verified::DamagedGroup(group));
      return false;
    }
  }
  return statements_->expire_requests_of.Bind(expires).BindText(group).Run() &&
         statements_->delete_labels_of.Bind(gid).Run();
}

// What frees a full disk may use the reserve.
std::vector<Result<Void>> WriteConnection::Purge(const std::vector<Purged>& groups) {
  Result<std::vector<Result<Void>>> purged = TryPurge(groups);
  if (!purged.ok() && purged.error().code == ErrorCode::kResourceExhausted && reserve_.Release()) {
    purged = TryPurge(groups);
    // What the log holds is moved while there is room, so that the log begins anew.
    if (purged.ok()) Checkpoint();
  }
  if (!purged.ok() && purged.error().code == ErrorCode::kDataLoss && groups.size() > 1) {
    std::vector<Result<Void>> alone;  // damage costs the groups that have it
    alone.reserve(groups.size());
    for (const Purged& each : groups) alone.push_back(Purge({each}).front());
    return alone;
  }
  if (!purged.ok()) return std::vector<Result<Void>>(groups.size(), purged.error());
  keeper_.Purged();
  return std::move(purged.value());
}

Result<std::vector<Result<Void>>> WriteConnection::TryPurge(const std::vector<Purged>& groups) {
  if (!Begin()) return Fail();
  std::vector<Result<Void>> answers;
  for (const Purged& purged : groups) {
    std::optional<Result<Void>> answer = Forget(purged);
    if (!answer) return Fail();
    answers.push_back(*std::move(answer));
  }
  if (std::none_of(answers.begin(), answers.end(), [](const auto& answer) { return answer.ok(); })) {
    if (!db_.Execute("ROLLBACK")) return Fail();
    return answers;
  }
  if (!SetMeta("next_gid", next_gid_) || !SetMeta("next_seq", next_seq_) || !Commit()) return Fail();
  for (const Purged& purged : groups) heads_.erase(purged.group);
  return answers;
}

std::optional<Result<Void>> WriteConnection::Forget(const Purged& purged) {
  const std::optional<Head> head = FindHead(purged.group);
  if (!head.has_value()) return std::nullopt;
  Error refused;
  if (head->gid == 0) return journal::NotFound(purged.group);
  if (ForgetGroup(purged, head->gid, &refused)) {
    heads_.erase(purged.group);  // the next of these may be the same
    return Void{};
  }
  if (refused.message.empty()) return std::nullopt;
  return refused;
}

void WriteConnection::OutputIsGone(std::vector<std::string> groups) {
  std::move(groups.begin(), groups.end(), std::back_inserter(gone_));
}

bool WriteConnection::Tidy() {
  if (CollectGarbage() || Shrink()) return true;
  keeper_.Deleted();  // overwritten in the database, that is
  return false;
}

bool WriteConnection::Shrink() {
  if (!db_.is_open() || Refused() || db_.QueryInt("PRAGMA auto_vacuum") != kIncremental) return false;
  const auto free = db_.QueryInt("PRAGMA freelist_count");
  if (!free || *free <= kKeptFree) return false;
  return db_.Execute("PRAGMA incremental_vacuum(" + std::to_string(kShrinkStep) + ")");
}

// Whether the next rows of a purged group can be deleted: they are sound, and no group that is there has them.
bool WriteConnection::LookAtGarbage(int64_t gid, int64_t most) {
  sqlite::Use row(statements_->find_row);
  sqlite::Use rows(statements_->look_at_garbage);
  if (row->Bind(gid).Next() != sqlite::Step::kDone) return false;
  rows->Bind(gid).Bind(most);
  sqlite::Step step;
  while ((step = rows->Next()) == sqlite::Step::kRow) {
  }
  return step == sqlite::Step::kDone && db_.Damage() == 0;
}

bool WriteConnection::CollectGarbage() {
  if (!Begin()) return false;
  const std::optional<bool> done = ForgetSome();
  if (done && !*done) {
    (void)db_.Execute("ROLLBACK");
    return false;
  }
  if (!done || !Commit()) {
    (void)Fail();
    return false;
  }
  keeper_.Purged();
  return true;
}

std::optional<bool> WriteConnection::ForgetSome() {
  const int64_t now = now_().time_since_epoch().count();
  if (!statements_->forget_requests.Bind(now).Bind(kRowsStep).Run()) return std::nullopt;
  int64_t changed = db_.changes();
  if (!statements_->forget_purged.Bind(now).Bind(kRowsStep).Run()) return std::nullopt;
  changed += db_.changes();
  const size_t gone = std::min<size_t>(gone_.size(), kRowsStep);
  for (size_t i = 0; i < gone; ++i) {
    if (!statements_->delete_orphan.BindText(gone_[i]).Run()) return std::nullopt;
  }
  gone_.erase(gone_.begin(), gone_.begin() + static_cast<std::ptrdiff_t>(gone));

  int64_t gid = 0;
  {
    sqlite::Use next(statements_->next_garbage);
    const sqlite::Step step = next->Next();
    if (step == sqlite::Step::kFailed) return std::nullopt;
    if (step == sqlite::Step::kRow && !next->IsNull(0)) gid = next->Int(0);
  }
  if (gid == 0) return changed > 0 || gone > 0;
  int64_t rows = 0;
  {
    sqlite::Use sizes(statements_->row_sizes);
    sizes->Bind(gid).Bind(kRowsStep);
    int64_t bytes = 0;
    sqlite::Step step = sqlite::Step::kDone;
    while (bytes < kBytesStep && (step = sizes->Next()) == sqlite::Step::kRow) {
      bytes += sizes->Int(0);
      ++rows;
    }
    if (step == sqlite::Step::kFailed) return std::nullopt;
  }
  // What is damaged stays: a row that is not what was stored may lead to pages that are not its own.
  if (!LookAtGarbage(gid, rows)) return changed > 0 || gone > 0;
  // What led to them goes behind them, then the group's place.
  bool run = rows > 0 ? statements_->collect_garbage.Bind(gid).Bind(rows).Run()
                      : statements_->forget_marks.Bind(gid).Bind(kRowsStep).Run();
  if (run && rows == 0 && db_.changes() == 0)
    run = statements_->forget_tasks.Bind(gid).Bind(kBlocksStep).Run();
  if (run && rows == 0 && db_.changes() == 0) run = statements_->delete_garbage.Bind(gid).Run();
  if (!run) return std::nullopt;
  return true;
}

}  // namespace covey
