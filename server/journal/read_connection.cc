#include "server/journal/read_connection.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "server/journal/candidates.h"
#include "server/journal/read_statements.h"
#include "server/journal/rules.h"
#include "server/journal/storage_values.h"
#include "server/journal/token.h"
#include "server/journal/verified.h"

namespace covey {
namespace {

// Names or ids that a page may sort; with more of them it is cheaper to look at groups by age until the page
// is full.
constexpr int64_t kMaxSorted = 2000;
// Groups that one page looks at: what waits behind a read does not wait for a whole journal.
constexpr size_t kMaxLooked = 10'000;
constexpr int64_t kFirst = std::numeric_limits<int64_t>::min();
constexpr int64_t kLast = std::numeric_limits<int64_t>::max();

// The first text after all that begin with `prefix`; "" when there is none.
std::string AfterPrefix(std::string prefix) {
  while (!prefix.empty() && static_cast<uint8_t>(prefix.back()) == 0xFF) prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(static_cast<uint8_t>(prefix.back()) + 1);
  return prefix;
}

// Phases of groups that are not over: there are never many of these.
bool OnlyActive(const std::vector<GroupPhase>& phases) {
  return !phases.empty() && std::all_of(phases.begin(), phases.end(), [](GroupPhase phase) {
    return phase == GroupPhase::kRunning || phase == GroupPhase::kStopping;
  });
}

Error MissingRow(int64_t gid) {
  return {.code = ErrorCode::kDataLoss,
          .reason = "JOURNAL_DAMAGED",
          .message = "the journal is damaged: an index names group number " + std::to_string(gid) +
                     ", which is not there"};
}

}  // namespace

ReadConnection::ReadConnection(sqlite::Database db, uint64_t identity)
    : identity_(identity), db_(std::move(db)) {}
ReadConnection::~ReadConnection() = default;

Result<std::unique_ptr<ReadConnection>> ReadConnection::Open(const SqliteFile& file, uint64_t identity) {
  Result<sqlite::Database> opened = OpenForReading(file);
  if (!opened.ok()) return opened.error();
  std::unique_ptr<ReadConnection> connection(new ReadConnection(std::move(opened.value()), identity));
  connection->statements_ = std::make_unique<ReadStatements>();
  if (Result<Void> prepared = connection->statements_->Prepare(connection->db_); !prepared.ok()) {
    return prepared.error();
  }
  return connection;
}

Error ReadConnection::Failure(const std::string& what) const {
  Error error = db_.last_error();
  if (error.code != ErrorCode::kDataLoss) return error;
  error.reason = "JOURNAL_DAMAGED";
  error.message = what + " damaged in the journal: " + error.message;
  return error;
}

Result<int64_t> ReadConnection::FindGid(const std::string& group) {
  sqlite::Use find(statements_->find_gid);
  switch (find->BindText(group).Next()) {
    case sqlite::Step::kRow:
      return find->Int(0);
    case sqlite::Step::kDone:
      return int64_t{0};
    case sqlite::Step::kFailed:
      break;
  }
  return Failure("group " + group + ": where it would be found is");
}

Result<uint64_t> ReadConnection::HeadOf(int64_t gid) {
  sqlite::Use head(statements_->head);
  if (head->Bind(gid).Next() != sqlite::Step::kRow)
    return Failure("group number " + std::to_string(gid) + ": the list of its events is");
  return static_cast<uint64_t>(head->Int(0));
}

Result<std::shared_ptr<const GroupSpec>> ReadConnection::SpecOf(int64_t gid) {
  sqlite::Use get(statements_->get_spec);
  switch (get->Bind(gid).Next()) {
    case sqlite::Step::kRow:
      return verified::Spec({.part = Part::kSpec, .gid = gid, .group = get->Bytes(0)}, get->Bytes(1),
                            static_cast<uint64_t>(get->Int(2)));
    case sqlite::Step::kDone: {
      sqlite::Use purged(statements_->find_garbage);
      const sqlite::Step step = purged->Bind(gid).Next();
      if (step == sqlite::Step::kRow) return std::shared_ptr<const GroupSpec>();
      if (step == sqlite::Step::kDone) return MissingRow(gid);
      break;
    }
    case sqlite::Step::kFailed:
      break;
  }
  return Failure("group number " + std::to_string(gid) + ": its row is");
}

Result<GroupSummary> ReadConnection::SummaryOf(int64_t gid, std::string* id) {
  sqlite::Use get(statements_->get_summary);
  const sqlite::Step step = get->Bind(gid).Next();
  if (step == sqlite::Step::kFailed) return Failure("group number " + std::to_string(gid) + ": its row is");
  if (step == sqlite::Step::kDone) return MissingRow(gid);
  *id = get->Bytes(0);
  Result<std::shared_ptr<const GroupSpec>> spec = verified::Spec(
      {.part = Part::kSpec, .gid = gid, .group = *id}, get->Bytes(1), static_cast<uint64_t>(get->Int(2)));
  if (!spec.ok()) return spec.error();
  const auto head = static_cast<uint64_t>(get->Int(3));
  Result<GroupSummary> summary =
      verified::Summary({.part = Part::kSummary, .gid = gid, .group = *id, .number = head}, get->Bytes(4),
                        static_cast<uint64_t>(get->Int(5)), std::move(spec.value()));
  if (!summary.ok()) return summary;
  summary.value().last_number = head;
  if (!summary.value().state.completed) {  // events since then
    Result<uint64_t> newest = HeadOf(gid);
    if (!newest.ok()) return newest.error();
    summary.value().last_number = newest.value();
  }
  return summary;
}

Result<uint64_t> ReadConnection::Head(const std::string& group) {
  const ReadTransaction transaction(*statements_);
  Result<int64_t> gid = FindGid(group);
  if (!gid.ok()) return gid.error();
  if (gid.value() == 0) return uint64_t{0};
  return HeadOf(gid.value());
}

Result<std::vector<Record>> ReadConnection::Read(const std::string& group, uint64_t from, PageLimit limit) {
  const ReadTransaction transaction(*statements_);
  Result<int64_t> gid = FindGid(group);
  if (!gid.ok()) return gid.error();
  std::vector<Record> records;
  if (gid.value() == 0 || from > static_cast<uint64_t>(kLast)) return records;
  from = std::max<uint64_t>(from, 1);
  uint64_t next = from;
  PageFill fill(limit);
  std::vector<Record> row;
  sqlite::Use read(statements_->read_records);
  read->Bind(gid.value()).Bind(from);
  sqlite::Step step = sqlite::Step::kDone;
  while ((step = read->Next()) == sqlite::Step::kRow) {
    const auto first = static_cast<uint64_t>(read->Int(0));
    const auto last = static_cast<uint64_t>(read->Int(1));
    if (next == from ? first > next : first != next) {
      if (!records.empty()) return records;
      return verified::DamagedEvents(group, next, std::max(next, first - 1), "there is nothing");
    }
    // A full row is not even decoded.
    if (fill.Full(records.empty() ? 0 : read->Bytes(2).size())) return records;
    row.clear();
    Result<Void> decoded =
        verified::Records({.part = Part::kRecords, .gid = gid.value(), .group = group, .number = first}, last,
                          read->Bytes(2), static_cast<uint64_t>(read->Int(3)), &row);
    // What is whole comes before the error.
    if (!decoded.ok() && !records.empty()) return records;
    if (!decoded.ok()) return decoded.error();
    for (Record& record : row) {
      if (record.number < from) continue;
      if (!fill.Take(BytesOf(record))) return records;
      records.push_back(std::move(record));
    }
    next = last + 1;
  }
  if (step == sqlite::Step::kFailed) {
    const Error error = Failure("group " + group + ": event " + std::to_string(next) + " is");
    if (error.code != ErrorCode::kDataLoss || records.empty()) return error;
  }
  return records;
}

Result<bool> ReadConnection::Few(sqlite::Statement& many, const std::string& prefix) {
  const std::string after = AfterPrefix(prefix);
  if (after.empty()) return false;
  sqlite::Use use(many);
  const sqlite::Step step = use->BindText(prefix).BindText(after).Bind(kMaxSorted).Next();
  if (step == sqlite::Step::kFailed) return db_.last_error();
  return step == sqlite::Step::kDone;
}

Result<GroupPage> ReadConnection::List(const GroupFilter& filter, PageLimit limit, const std::string& token) {
  const uint64_t fingerprint = journal::Fingerprint(filter);
  const int64_t from = filter.created_from == WallTime() ? kFirst : storage::ToMicros(filter.created_from);
  Candidates::Key before{kLast, kLast};
  if (filter.created_until != WallTime()) before = {storage::ToMicros(filter.created_until), kFirst};
  if (!token.empty()) {
    const auto decoded = Token::Decode(token, Token::Kind::kPage, identity_);
    if (!decoded.has_value() || decoded->values[2] != fingerprint) return journal::BadPageToken();
    before = {static_cast<int64_t>(decoded->values[0]), static_cast<int64_t>(decoded->values[1])};
  }

  const ReadTransaction transaction(*statements_);
  Result<bool> by_id = false;
  if (!filter.id_prefix.empty()) by_id = Few(statements_->many_ids, filter.id_prefix);
  if (!by_id.ok()) return by_id.error();
  Result<bool> by_name = false;
  if (!filter.name_prefix.empty() && !OnlyActive(filter.phases))
    by_name = Few(statements_->many_names, filter.name_prefix);
  if (!by_name.ok()) return by_name.error();
  Candidates candidates;
  bool good = true;
  const auto bind = [&](sqlite::Statement& statement) -> sqlite::Statement& {
    return statement.Bind(from).Bind(before.first).Bind(before.second);
  };
  const std::string after_ids = AfterPrefix(filter.id_prefix);
  const std::string after_names = AfterPrefix(filter.name_prefix);
  if (by_id.value()) {
    bind(statements_->list_id).BindText(filter.id_prefix).BindText(after_ids);
    good = candidates.Add(statements_->list_id);
  } else if (!filter.name.empty()) {
    bind(statements_->list_one_name).BindText(filter.name);
    good = candidates.Add(statements_->list_one_name);
  } else if (by_name.value()) {
    bind(statements_->list_name).BindText(filter.name_prefix).BindText(after_names);
    good = candidates.Add(statements_->list_name);
  } else if (!filter.labels.empty() && !OnlyActive(filter.phases)) {
    bind(statements_->list_label).BindText(filter.labels[0].first).BindText(filter.labels[0].second);
    good = candidates.Add(statements_->list_label);
  } else if (!filter.phases.empty()) {
    for (size_t i = 0; i < ReadStatements::kPhases; ++i) {
      const auto phase = static_cast<GroupPhase>(i + 1);
      if (std::find(filter.phases.begin(), filter.phases.end(), phase) == filter.phases.end()) continue;
      bind(statements_->list_phase[i]).Bind(static_cast<int64_t>(phase));
      good = candidates.Add(statements_->list_phase[i]);
      if (!good) break;  // what is bound is added, and so reset
    }
  } else {
    bind(statements_->list_all);
    good = candidates.Add(statements_->list_all);
  }
  if (!good) return db_.last_error();

  GroupPage page;
  PageFill fill({std::max<size_t>(limit.count, 1), limit.bytes});
  const auto end_here = [&] {
    page.next = Token{.kind = Token::Kind::kPage,
                      .values = {static_cast<uint64_t>(before.first), static_cast<uint64_t>(before.second),
                                 fingerprint}}
                    .Encode(identity_);
    return page;
  };
  size_t looked = 0;
  while (const auto key = candidates.Next()) {
    if (looked++ == kMaxLooked) return end_here();
    std::string id;
    Result<GroupSummary> summary = SummaryOf(key->second, &id);
    if (!summary.ok() && summary.error().code != ErrorCode::kDataLoss) return summary.error();
    if (!summary.ok() || journal::Matches(filter, summary.value())) {
      const size_t bytes = summary.ok() ? BytesOf(summary.value()) : summary.error().message.size();
      if (!fill.Take(bytes)) return end_here();
      if (summary.ok()) {
        page.groups.push_back(std::move(summary.value()));
      } else {
        page.damaged.push_back({std::move(id), summary.error()});
      }
    }
    before = *key;
  }
  if (candidates.failed()) return db_.last_error();
  return page;
}

Result<GroupSummary> ReadConnection::Find(const std::string& group) {
  const ReadTransaction transaction(*statements_);
  Result<int64_t> gid = FindGid(group);
  if (!gid.ok()) return gid.error();
  if (gid.value() == 0) return journal::NotFound(group);
  std::string id;
  return SummaryOf(gid.value(), &id);
}

Result<std::optional<Snapshot>> ReadConnection::ReadSnapshot(const std::string& group) {
  const ReadTransaction transaction(*statements_);
  Result<int64_t> gid = FindGid(group);
  if (!gid.ok()) return gid.error();
  sqlite::Use get(statements_->get_snapshot);
  const sqlite::Step step = get->Bind(gid.value()).Next();
  if (step == sqlite::Step::kFailed) return db_.last_error();
  if (step == sqlite::Step::kDone) return std::optional<Snapshot>();
  const Place place{.part = Part::kSnapshot,
                    .gid = gid.value(),
                    .group = group,
                    .number = static_cast<uint64_t>(get->Int(0))};
  Result<Snapshot> snapshot = verified::SnapshotOf(place, get->Bytes(1), static_cast<uint64_t>(get->Int(2)));
  if (!snapshot.ok()) return snapshot.error();
  return std::optional<Snapshot>(std::move(snapshot.value()));
}

Result<std::vector<TaskBlock>> ReadConnection::ReadTasks(const std::string& group, uint32_t task,
                                                         uint32_t end) {
  const ReadTransaction transaction(*statements_);
  Result<int64_t> gid = FindGid(group);
  if (!gid.ok()) return gid.error();
  if (gid.value() == 0) return journal::NotFound(group);
  std::vector<TaskBlock> blocks;
  const auto take = [&](sqlite::Statement& get, bool late) -> Result<bool> {
    const sqlite::Step step = get.Next();
    if (step == sqlite::Step::kFailed) return db_.last_error();
    if (step == sqlite::Step::kDone) return false;
    const Place place{.part = Part::kTasks,
                      .gid = gid.value(),
                      .group = group,
                      .number = static_cast<uint64_t>(get.Int(0)) * 2 + (late ? 1 : 0)};
    Result<TaskBlock> block = verified::TasksOf(place, get.Bytes(1), static_cast<uint64_t>(get.Int(2)));
    if (!block.ok()) return block.error();
    blocks.push_back(std::move(block.value()));
    return true;
  };
  {
    sqlite::Use get(statements_->get_tasks);
    get->Bind(gid.value()).Bind(static_cast<int64_t>(task));
    const Result<bool> found = take(*get, false);
    if (!found.ok()) return found.error();
    if (!found.value()) return blocks;
  }
  sqlite::Use get(statements_->get_late_tasks);
  get->Bind(gid.value()).Bind(static_cast<int64_t>(blocks.front().first)).Bind(static_cast<int64_t>(end));
  for (;;) {
    const Result<bool> found = take(*get, true);
    if (!found.ok()) return found.error();
    if (!found.value()) return blocks;
  }
}

Result<std::vector<Mark>> ReadConnection::FindMarks(const std::string& group, std::vector<Mark> marks) {
  const ReadTransaction transaction(*statements_);
  Result<int64_t> gid = FindGid(group);
  if (!gid.ok()) return gid.error();
  if (gid.value() == 0) return journal::NotFound(group);
  std::vector<Mark> found;
  for (Mark& mark : marks) {
    sqlite::Use find(statements_->find_mark);
    const sqlite::Step step =
        find->Bind(gid.value()).Bind(static_cast<int64_t>(mark.kind)).BindText(mark.key).Next();
    if (step == sqlite::Step::kFailed) return db_.last_error();
    if (step == sqlite::Step::kDone) continue;
    mark.first = static_cast<uint32_t>(find->Int(0));
    mark.count = static_cast<uint32_t>(find->Int(1));
    mark.fingerprint = static_cast<uint64_t>(find->Int(2));
    found.push_back(std::move(mark));
  }
  return found;
}

Result<std::string> ReadConnection::FindRequest(const std::string& request_id, WallTime now) {
  sqlite::Use find(statements_->find_request);
  switch (find->BindText(request_id).Bind(storage::ToMicros(now)).Next()) {
    case sqlite::Step::kRow:
      return std::string(find->Bytes(0));
    case sqlite::Step::kDone:
      return std::string();
    case sqlite::Step::kFailed:
      break;
  }
  return db_.last_error();
}

}  // namespace covey
