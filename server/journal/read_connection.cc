#include "server/journal/read_connection.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <unordered_map>
#include <utility>

#include "server/journal/rules.h"
#include "server/journal/sql.h"
#include "server/journal/storage.h"
#include "server/journal/token.h"

namespace covey {
namespace {

constexpr size_t kPhases = 5;
// Names that a page may sort; with more of them it is cheaper to look at groups by age until the page is
// full.
constexpr int64_t kManyNames = 2000;
constexpr int64_t kFirst = std::numeric_limits<int64_t>::min();
constexpr int64_t kLast = std::numeric_limits<int64_t>::max();

int64_t Micros(WallTime time) { return time.time_since_epoch().count(); }

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

}  // namespace

struct ReadConnection::Statements {
  sqlite::Statement begin, commit, find_gid, head, read_records, watch, get_spec, get_summary, find_request;
  sqlite::Statement pools, list_all, list_label, list_name, many_names;
  std::array<sqlite::Statement, kPhases> list_phase;

  Result<Void> Prepare(sqlite::Database& db) {
    std::vector<std::pair<sqlite::Statement*, std::string_view>> all = {{&begin, "BEGIN"},
                                                                        {&commit, "COMMIT"},
                                                                        {&find_gid, sql::kFindGid},
                                                                        {&head, sql::kHead},
                                                                        {&read_records, sql::kReadRecords},
                                                                        {&watch, sql::kWatch},
                                                                        {&get_spec, sql::kGetSpec},
                                                                        {&get_summary, sql::kGetSummary},
                                                                        {&find_request, sql::kFindRequest},
                                                                        {&pools, sql::kPools},
                                                                        {&list_all, sql::kListAll},
                                                                        {&list_label, sql::kListLabel},
                                                                        {&list_name, sql::kListName},
                                                                        {&many_names, sql::kManyNames}};
    for (sqlite::Statement& statement : list_phase) all.emplace_back(&statement, sql::kListPhase);
    for (const auto& [statement, text] : all) {
      Result<sqlite::Statement> prepared = db.Prepare(text);
      if (!prepared.ok()) return prepared.error();
      *statement = std::move(prepared.value());
    }
    return Void{};
  }
};

// One state of the file for several statements. Everything read within must be reset before its end.
class ReadConnection::Snapshot {
 public:
  explicit Snapshot(Statements& statements) : statements_(statements) { statements_.begin.Run(); }
  ~Snapshot() { statements_.commit.Run(); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

 private:
  Statements& statements_;
};

// The groups that a listing looks at, newest first: several ordered statements merged.
class ReadConnection::Candidates {
 public:
  using Key = std::pair<int64_t, int64_t>;  // created, gid

  ~Candidates() {
    for (Source& source : sources_) source.statement->Reset();
  }

  // A bound statement. False: it failed.
  bool Add(sqlite::Statement& statement) {
    sources_.push_back({&statement, {}});
    return Advance(sources_.size() - 1);
  }

  // The next one; nullopt: none are left. Check failed() then.
  std::optional<Key> Next() {
    const auto newest = std::max_element(sources_.begin(), sources_.end(),
                                         [](const Source& a, const Source& b) { return a.key < b.key; });
    if (failed_ || newest == sources_.end()) return std::nullopt;
    const Key key = newest->key;
    failed_ = !Advance(static_cast<size_t>(newest - sources_.begin()));
    return key;
  }

  bool failed() const { return failed_; }

 private:
  struct Source {
    sqlite::Statement* statement;
    Key key;
  };

  bool Advance(size_t i) {
    Source& source = sources_[i];
    const sqlite::Step step = source.statement->Next();
    if (step == sqlite::Step::kRow) {
      source.key = {source.statement->Int(0), source.statement->Int(1)};
      return true;
    }
    source.statement->Reset();
    sources_.erase(sources_.begin() + static_cast<std::ptrdiff_t>(i));
    return step == sqlite::Step::kDone;
  }

  std::vector<Source> sources_;
  bool failed_ = false;
};

ReadConnection::ReadConnection(sqlite::Database db, uint64_t identity)
    : identity_(identity), db_(std::move(db)) {}
ReadConnection::~ReadConnection() = default;

Result<std::unique_ptr<ReadConnection>> ReadConnection::Open(const SqliteFile& file, uint64_t identity) {
  Result<sqlite::Database> opened = OpenForReading(file);
  if (!opened.ok()) return opened.error();
  std::unique_ptr<ReadConnection> connection(new ReadConnection(std::move(opened.value()), identity));
  connection->statements_ = std::make_unique<Statements>();
  if (Result<Void> prepared = connection->statements_->Prepare(connection->db_); !prepared.ok()) {
    return prepared.error();
  }
  return connection;
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
  return db_.last_error();
}

Result<uint64_t> ReadConnection::HeadOf(int64_t gid) {
  sqlite::Use head(statements_->head);
  if (head->Bind(gid).Next() != sqlite::Step::kRow) return db_.last_error();
  return static_cast<uint64_t>(head->Int(0));
}

Result<std::shared_ptr<const GroupSpec>> ReadConnection::SpecOf(int64_t gid) {
  sqlite::Use get(statements_->get_spec);
  switch (get->Bind(gid).Next()) {
    case sqlite::Step::kRow:
      return storage::DecodeGroupSpec(get->Bytes(0));
    case sqlite::Step::kDone:
      return std::shared_ptr<const GroupSpec>();
    case sqlite::Step::kFailed:
      break;
  }
  return db_.last_error();
}

Result<GroupSummary> ReadConnection::SummaryOf(int64_t gid) {
  sqlite::Use get(statements_->get_summary);
  if (get->Bind(gid).Next() != sqlite::Step::kRow) return db_.last_error();
  Result<std::shared_ptr<const GroupSpec>> spec = storage::DecodeGroupSpec(get->Bytes(0));
  if (!spec.ok()) return spec.error();
  return storage::DecodeSummary(get->Bytes(1), std::move(spec.value()));
}

Result<uint64_t> ReadConnection::Head(const std::string& group) {
  const Snapshot snapshot(*statements_);
  Result<int64_t> gid = FindGid(group);
  if (!gid.ok()) return gid.error();
  if (gid.value() == 0) return uint64_t{0};
  return HeadOf(gid.value());
}

Result<std::vector<Record>> ReadConnection::Read(const std::string& group, uint64_t from, size_t limit) {
  const Snapshot snapshot(*statements_);
  Result<int64_t> gid = FindGid(group);
  if (!gid.ok()) return gid.error();
  std::vector<Record> records;
  if (gid.value() == 0 || from > static_cast<uint64_t>(kLast)) return records;
  sqlite::Use read(statements_->read_records);
  read->Bind(gid.value()).Bind(from);
  sqlite::Step step = sqlite::Step::kDone;
  while (records.size() < limit && (step = read->Next()) == sqlite::Step::kRow) {
    const auto first = static_cast<uint64_t>(read->Int(0));
    Result<Void> decoded = storage::DecodeRecords(read->Bytes(1), first, &records);
    if (!decoded.ok()) return decoded.error();
    if (!records.empty() && records.front().number < from) {
      std::erase_if(records, [from](const Record& record) { return record.number < from; });
    }
  }
  if (step == sqlite::Step::kFailed) return db_.last_error();
  if (records.size() > limit) records.resize(limit);
  return records;
}

Result<Void> ReadConnection::WatchRows(int64_t after, size_t limit, WatchPage* page, int64_t* last) {
  std::unordered_map<int64_t, std::shared_ptr<const GroupSpec>> specs;
  size_t count = 0;
  int64_t group = 0;  // of the newest entry of the page
  *last = after;
  sqlite::Use watch(statements_->watch);
  watch->Bind(after);
  sqlite::Step step = sqlite::Step::kDone;
  while (count < limit && (step = watch->Next()) == sqlite::Step::kRow) {
    *last = watch->Int(0);
    const int64_t gid = watch->Int(1);
    auto spec = specs.find(gid);
    if (spec == specs.end()) {
      Result<std::shared_ptr<const GroupSpec>> found = SpecOf(gid);
      if (!found.ok()) return found.error();
      spec = specs.emplace(gid, std::move(found.value())).first;
    }
    if (spec->second == nullptr) continue;
    if (group != gid) page->groups.push_back({.group = spec->second});
    group = gid;
    std::vector<Record>& records = page->groups.back().records;
    const size_t before = records.size();
    Result<Void> decoded =
        storage::DecodeRecords(watch->Bytes(4), static_cast<uint64_t>(watch->Int(2)), &records);
    if (!decoded.ok()) return decoded.error();
    count += records.size() - before;
  }
  if (step == sqlite::Step::kFailed) return db_.last_error();
  return Void{};
}

Result<WatchPage> ReadConnection::Watch(const std::string& cursor, size_t limit) {
  int64_t after = 0;
  if (!cursor.empty()) {
    const auto token = Token::Decode(cursor, Token::Kind::kCursor, identity_);
    if (!token.has_value()) return journal::BadCursor();
    after = static_cast<int64_t>(token->values[0]);
  }
  const Snapshot snapshot(*statements_);
  WatchPage page;
  int64_t last = 0;
  Result<Void> rows = WatchRows(after, std::max<size_t>(limit, 1), &page, &last);
  if (!rows.ok()) return rows.error();
  page.cursor =
      Token{.kind = Token::Kind::kCursor, .values = {static_cast<uint64_t>(last)}}.Encode(identity_);
  return page;
}

Result<bool> ReadConnection::ManyNames(const std::string& low, const std::string& high) {
  sqlite::Use many(statements_->many_names);
  const sqlite::Step step = many->BindText(low).BindText(high).Bind(kManyNames).Next();
  if (step == sqlite::Step::kFailed) return db_.last_error();
  return step == sqlite::Step::kRow;
}

Result<GroupPage> ReadConnection::List(const GroupFilter& filter, size_t limit, const std::string& token) {
  const uint64_t fingerprint = journal::Fingerprint(filter);
  const int64_t from = filter.created_from == WallTime() ? kFirst : Micros(filter.created_from);
  Candidates::Key before{kLast, kLast};
  if (filter.created_until != WallTime()) before = {Micros(filter.created_until), kFirst};
  if (!token.empty()) {
    const auto decoded = Token::Decode(token, Token::Kind::kPage, identity_);
    if (!decoded.has_value() || decoded->values[2] != fingerprint) return journal::BadPageToken();
    before = {static_cast<int64_t>(decoded->values[0]), static_cast<int64_t>(decoded->values[1])};
  }

  const Snapshot snapshot(*statements_);
  const std::string after_names = AfterPrefix(filter.name_prefix);
  bool by_name = false;
  if (!after_names.empty() && !OnlyActive(filter.phases)) {
    Result<bool> many = ManyNames(filter.name_prefix, after_names);
    if (!many.ok()) return many.error();
    by_name = !many.value();
  }
  Candidates candidates;
  bool good = true;
  const auto bind = [&](sqlite::Statement& statement) -> sqlite::Statement& {
    return statement.Bind(from).Bind(before.first).Bind(before.second);
  };
  if (by_name) {
    bind(statements_->list_name).BindText(filter.name_prefix).BindText(after_names);
    good = candidates.Add(statements_->list_name);
  } else if (!filter.labels.empty() && !OnlyActive(filter.phases)) {
    bind(statements_->list_label).BindText(filter.labels[0].first).BindText(filter.labels[0].second);
    good = candidates.Add(statements_->list_label);
  } else if (!filter.phases.empty()) {
    for (size_t i = 0; i < kPhases; ++i) {
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
  limit = std::max<size_t>(limit, 1);
  while (const auto key = candidates.Next()) {
    Result<GroupSummary> summary = SummaryOf(key->second);
    if (!summary.ok()) return summary.error();
    if (journal::Matches(filter, summary.value())) {
      if (page.groups.size() == limit) {
        page.next = Token{.kind = Token::Kind::kPage,
                          .values = {static_cast<uint64_t>(before.first),
                                     static_cast<uint64_t>(before.second), fingerprint}}
                        .Encode(identity_);
        break;
      }
      Result<uint64_t> head = HeadOf(key->second);
      if (!head.ok()) return head.error();
      summary.value().last_number = head.value();
      page.groups.push_back(std::move(summary.value()));
    }
    before = *key;
  }
  if (candidates.failed()) return db_.last_error();
  return page;
}

Result<GroupSummary> ReadConnection::Find(const std::string& group) {
  const Snapshot snapshot(*statements_);
  Result<int64_t> gid = FindGid(group);
  if (!gid.ok()) return gid.error();
  if (gid.value() == 0) return journal::NotFound(group);
  Result<GroupSummary> summary = SummaryOf(gid.value());
  if (!summary.ok()) return summary;
  Result<uint64_t> head = HeadOf(gid.value());
  if (!head.ok()) return head.error();
  summary.value().last_number = head.value();
  return summary;
}

Result<std::string> ReadConnection::FindRequest(const std::string& request_id, WallTime now) {
  sqlite::Use find(statements_->find_request);
  switch (find->BindText(request_id).Bind(Micros(now)).Next()) {
    case sqlite::Step::kRow:
      return std::string(find->Bytes(0));
    case sqlite::Step::kDone:
      return std::string();
    case sqlite::Step::kFailed:
      break;
  }
  return db_.last_error();
}

Result<std::vector<StoredPool>> ReadConnection::Pools() {
  std::vector<StoredPool> pools;
  sqlite::Use all(statements_->pools);
  sqlite::Step step;
  while ((step = all->Next()) == sqlite::Step::kRow) {
    pools.push_back({.name = std::string(all->Bytes(0)),
                     .max = static_cast<uint32_t>(all->Int(1)),
                     .closing = all->Int(2) != 0});
  }
  if (step == sqlite::Step::kFailed) return db_.last_error();
  return pools;
}

}  // namespace covey
