#include <utility>

#include "server/journal/verified.h"
#include "server/journal/write_connection.h"

// WriteConnection: what forgets a group, and deletes its records later.

namespace covey {
namespace {

constexpr int64_t kGarbageStep = 1000;

}  // namespace

bool WriteConnection::ForgetGroup(const std::string& group, bool keeps_id, int64_t gid, Error* refused) {
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
  const int64_t now = now_().time_since_epoch().count();
  return statements_->delete_group.Bind(gid).Run() && statements_->delete_snapshot.Bind(gid).Run() &&
         statements_->insert_garbage.Bind(gid).Run() &&
         (!keeps_id || statements_->insert_purged.BindText(group).Bind(expires).Run()) &&
         statements_->forget_requests.Bind(now).Run() && statements_->forget_purged.Bind(now).Run() &&
         SetMeta("next_gid", next_gid_) && SetMeta("next_seq", next_seq_);
}

// What frees a full disk may use the reserve.
Result<Void> WriteConnection::Purge(const std::string& group, bool keeps_id) {
  Result<Void> purged = TryPurge(group, keeps_id);
  if (purged.ok() || purged.error().code != ErrorCode::kResourceExhausted || !reserve_.Release())
    return purged;
  purged = TryPurge(group, keeps_id);
  // What the log holds is moved while there is room, so that the log begins anew.
  if (purged.ok()) Checkpoint();
  return purged;
}

Result<Void> WriteConnection::TryPurge(const std::string& group, bool keeps_id) {
  if (!Begin()) return Fail();
  const std::optional<Head> head = FindHead(group);
  if (!head.has_value()) return Fail();
  Error refused;
  if (head->gid == 0) {
    refused = journal::NotFound(group);
  } else if (ForgetGroup(group, keeps_id, head->gid, &refused)) {
    if (!Commit()) return Fail();
    heads_.erase(group);
    return Void{};
  }
  if (refused.message.empty()) return Fail();
  if (!db_.Execute("ROLLBACK")) return Fail();
  return refused;
}

bool WriteConnection::CollectGarbage() {
  if (!Begin()) return false;
  int64_t gid = 0;
  {
    sqlite::Use next(statements_->next_garbage);
    if (next->Next() == sqlite::Step::kRow && !next->IsNull(0)) gid = next->Int(0);
  }
  bool done = gid == 0;
  if (!done) {
    done = !statements_->collect_garbage.Bind(gid).Bind(kGarbageStep).Run() ||
           (db_.changes() == 0 && !statements_->delete_garbage.Bind(gid).Run());
  }
  if (done && gid == 0) {
    (void)db_.Execute("ROLLBACK");
    return false;
  }
  if (done || !Commit()) {
    (void)Fail();
    return false;
  }
  return true;
}

}  // namespace covey
