#include <algorithm>
#include <iterator>
#include <utility>

#include "server/journal/verified.h"
#include "server/journal/write_connection.h"

// WriteConnection: what forgets a group, and deletes its records later.

namespace covey {
namespace {

// Deleted in one transaction at most: while it lasts nothing else is written.
constexpr int64_t kRowsStep = 1000;
constexpr int64_t kBytesStep = int64_t{1} << 20;
// PRAGMA auto_vacuum of a file that can give room back.
constexpr int64_t kIncremental = 2;
// Pages that stay free for what comes (4 MiB), and pages that are given back at once.
constexpr int64_t kKeptFree = 1024;
constexpr int64_t kShrinkStep = 64;

}  // namespace

bool WriteConnection::ForgetGroup(const Purged& purged, int64_t gid, Error* refused) {
  const std::string& group = purged.group;
  sqlite::Use get(statements_->get_group);
  if (get->Bind(gid).Next() != sqlite::Step::kRow) return false;
  const int64_t created = get->Int(0);
  const auto phase = static_cast<GroupPhase>(get->Int(1));
  if (phase == GroupPhase::kRunning || phase == GroupPhase::kStopping) {
    *refused = journal::NotCompleted(group);
    return false;
  }
  const int64_t expires = created + std::chrono::microseconds(journal::kRemember).count();
  const Place place{.part = Part::kSpec, .gid = gid, .group = group};
  auto spec = verified::Spec(place, get->Bytes(3), static_cast<uint64_t>(get->Int(4)));
  if (!spec.ok()) {
    *refused = spec.error();
    return false;
  }
  if (!get->IsNull(2) && !statements_->expire_request.Bind(expires).BindText(get->Bytes(2)).Run())
    return false;
  for (const auto& [key, value] : spec.value()->labels) {
    if (!statements_->delete_label.BindText(key).BindText(value).Bind(created).Bind(gid).Run()) return false;
  }
  {
    sqlite::Use ended(statements_->get_ended);
    const sqlite::Step step = ended->Bind(gid).Next();
    if (step == sqlite::Step::kFailed) return false;
    if (step == sqlite::Step::kRow) ended_.Subtract(ended->Int(0));
  }
  return statements_->delete_group.Bind(gid).Run() && statements_->delete_ended.Bind(gid).Run() &&
         statements_->delete_snapshot.Bind(gid).Run() && statements_->insert_garbage.Bind(gid).Run() &&
         statements_->insert_orphan.BindText(group).Run() &&
         (!purged.keeps_id || statements_->insert_purged.BindText(group).Bind(expires).Run());
}

// What frees a full disk may use the reserve.
std::vector<Result<Void>> WriteConnection::Purge(const std::vector<Purged>& groups) {
  Result<std::vector<Result<Void>>> purged = TryPurge(groups);
  if (!purged.ok() && purged.error().code == ErrorCode::kResourceExhausted && reserve_.Release()) {
    purged = TryPurge(groups);
    // What the log holds is moved while there is room, so that the log begins anew.
    if (purged.ok()) Checkpoint();
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
  const bool run = rows > 0 ? statements_->collect_garbage.Bind(gid).Bind(rows).Run()
                            : statements_->delete_garbage.Bind(gid).Run();
  if (!run) return std::nullopt;
  return true;
}

}  // namespace covey
