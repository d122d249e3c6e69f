#include <optional>
#include <span>
#include <string>

#include "server/journal/checksum.h"
#include "server/journal/row_length.h"
#include "server/journal/storage.h"
#include "server/journal/storage_values.h"
#include "server/journal/verified.h"
#include "server/journal/write_connection.h"

// WriteConnection: the rows of an append.

namespace covey {
namespace {

// What a group takes beside its records: its row, its labels, what the indexes have of it; about.
constexpr uint64_t kGroupRows = 512;
// Rows whose sizes are looked at when those of a group are not known.
constexpr int64_t kLookedAt = 10'000;

uint64_t SumOfSummary(const Append& append, int64_t gid, std::string_view bytes) {
  return Checksum({.part = Part::kSummary, .gid = gid, .group = append.group, .number = append.batch->last()},
                  bytes);
}

}  // namespace

bool WriteConnection::InsertGroup(const Append& append, int64_t gid) {
  const GroupSpec& spec = *append.batch->records().front().group;
  const GroupSummary& summary = *append.summary;
  const int64_t created = storage::ToMicros(summary.created);
  const std::string spec_bytes = storage::EncodeGroupSpec(spec);
  const std::string summary_bytes = storage::EncodeSummary(summary);
  const std::string& request = journal::RequestOf(append);

  sqlite::Statement& insert = statements_->insert_group;
  insert.Bind(gid).BindText(append.group).BindText(spec.name).Bind(created);
  insert.Bind(static_cast<int64_t>(PhaseOf(summary.state))).Bind(append.batch->last());
  request.empty() ? insert.Bind(std::nullopt) : insert.BindText(request);
  insert.BindBlob(spec_bytes)
      .Bind(Checksum({.part = Part::kSpec, .gid = gid, .group = append.group}, spec_bytes));
  insert.BindBlob(summary_bytes).Bind(SumOfSummary(append, gid, summary_bytes));
  if (!insert.Run()) return false;
  for (const auto& [key, value] : spec.labels) {
    if (!statements_->insert_label.BindText(key).BindText(value).Bind(created).Bind(gid).Run()) return false;
  }
  return request.empty() || statements_->insert_request.BindText(request).BindText(append.group).Run();
}

bool WriteConnection::InsertEnded(const Append& append, const Head& head) {
  const std::optional<uint64_t> bytes = head.bytes ? head.bytes : SizeOf(head.gid, head.number);
  if (!bytes) return false;
  const auto all = static_cast<int64_t>(*bytes + append.summary->output_bytes + kGroupRows);
  ended_.Add(all);
  return statements_->insert_ended.Bind(head.gid)
      .Bind(int64_t{PhaseOf(append.summary->state) == GroupPhase::kFailed})
      .Bind(storage::ToMicros(append.summary->completed))
      .Bind(all)
      .Run();
}

std::optional<uint64_t> WriteConnection::SizeOf(int64_t gid, uint64_t events) {
  uint64_t bytes = 0;
  uint64_t seen = 0;
  sqlite::Use rows(statements_->row_sizes);
  rows->Bind(gid).Bind(kLookedAt);
  sqlite::Step step = sqlite::Step::kDone;
  while ((step = rows->Next()) == sqlite::Step::kRow) {
    bytes += static_cast<uint64_t>(rows->Int(0));
    seen = static_cast<uint64_t>(rows->Int(1));
  }
  if (step == sqlite::Step::kFailed) return std::nullopt;
  // What is behind the first rows is taken to be like them.
  return seen == 0 || seen >= events ? bytes : bytes / seen * events;
}

// Once some leaf was damaged: whether a row that is about to be replaced or deleted is what was stored. One that is not
// may lead to pages that are not its own, which would then be free for others.
bool WriteConnection::ProvesGroup(const std::string& group, int64_t gid) {
  sqlite::Use get(statements_->get_summary);  // also to meet damage before the row is written
  if (get->Bind(gid).Next() != sqlite::Step::kRow) return false;
  if (db_.Damage() == 0) return true;
  const Place spec{.part = Part::kSpec, .gid = gid, .group = group};
  const Place summary{
      .part = Part::kSummary, .gid = gid, .group = group, .number = static_cast<uint64_t>(get->Int(3))};
  return Checksum(spec, get->Bytes(1)) == static_cast<uint64_t>(get->Int(2)) &&
         Checksum(summary, get->Bytes(4)) == static_cast<uint64_t>(get->Int(5));
}

bool WriteConnection::UpdateGroup(const Append& append, int64_t gid) {
  if (!ProvesGroup(append.group, gid)) {
    db_.Fail(verified::DamagedGroup(append.group));
    return false;
  }
  const std::string bytes = storage::EncodeSummary(*append.summary);
  const bool updated = statements_->update_group.Bind(static_cast<int64_t>(PhaseOf(append.summary->state)))
                           .Bind(append.batch->last())
                           .BindBlob(bytes)
                           .Bind(SumOfSummary(append, gid, bytes))
                           .Bind(gid)
                           .Run();
  if (updated && db_.changes() == 1) return true;
  if (updated) db_.Fail(verified::DamagedGroup(append.group));
  return false;
}

bool WriteConnection::InsertRecords(const Append& append, int64_t gid, size_t* bytes) {
  std::span<const Record> rest = append.batch->records();
  while (!rest.empty()) {
    const std::span<const Record> row = rest.first(RowLength(rest));
    rest = rest.subspan(row.size());
    buffer_.clear();
    storage::EncodeRecords(row, &buffer_);
    *bytes += buffer_.size();
    const Place place{
        .part = Part::kRecords, .gid = gid, .group = append.group, .number = row.front().number};
    if (!statements_->insert_records.Bind(next_seq_++)
             .Bind(gid)
             .Bind(row.front().number)
             .Bind(row.back().number)
             .Bind(append.epoch)
             .Bind(append.commit_id)
             .BindBlob(buffer_)
             .Bind(Checksum(place, buffer_))
             .Run()) {
      return false;
    }
  }
  return true;
}

}  // namespace covey
