#include "server/journal/harvest.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/journal/journal.h"
#include "core/state/group_state.h"
#include "server/journal/checksum.h"
#include "server/journal/page_walk.h"
#include "server/journal/storage.h"
#include "server/journal/storage_values.h"
#include "server/journal/verified.h"

namespace covey {
namespace {

using Values = std::vector<StoredRow::Value>;

// Rows as they lie in the file, column by column (sql::kSchema); a row id is null there.
constexpr std::string_view kGroupRow = "nibbiii?bibi";
constexpr std::string_view kRecordsRow = "niiiiibi";
constexpr std::string_view kGarbageRow = "n";
constexpr std::string_view kMetaRow = "bi";
constexpr std::string_view kRequestRow = "ibb?";
constexpr std::string_view kPoolRow = "ibii";
constexpr std::string_view kIdEntry = "ibi";        // of UNIQUE(ns, id), and rows of purged and owners
constexpr std::string_view kCreatedEntry = "iiii";  // of groups_created
constexpr std::string_view kRecordsEntry = "iii";   // of records_group

// Times in microseconds; less is a gid or an epoch.
constexpr int64_t kFirstTime = 1'000'000'000'000'000;

bool Proves(const Place& place, std::string_view bytes, int64_t sum) {
  return Checksum(place, bytes) == static_cast<uint64_t>(sum);
}

// The summary of a group as of its first events, which are all there.
GroupSummary SummaryOf(std::shared_ptr<const GroupSpec> spec, const std::vector<Record>& records) {
  GroupSummary summary{.spec = std::move(spec)};
  summary.state.policy = summary.spec->policy;
  summary.state.max_failures = summary.spec->max_failures;
  for (const Record& record : records) {
    const bool fails = summary.state.failed == 0;
    state::Apply(summary.state, record.event);
    if (fails && summary.state.failed > 0) summary.first_failure = record.failure;
    if (record.event.kind == state::EventKind::kTaskSubmitted && record.event.task == 0)
      summary.first_task = record.task;
    if (record.event.kind == state::EventKind::kGroupCreated) summary.created = record.time;
    if (record.event.kind == state::EventKind::kGroupDecided) {
      summary.decided = record.time;
      summary.failure = record.failure;
    }
    if (record.event.kind == state::EventKind::kGroupCompleted) summary.completed = record.time;
    summary.last_number = record.number;
  }
  return summary;
}

class Harvester {
 public:
  Harvester(sqlite::Database& db, const std::string& damaged) : db_(db), damaged_(damaged) {}

  Result<Harvested> Run() {
    using Step = Result<Void> (Harvester::*)();
    constexpr Step kSteps[] = {&Harvester::FindNames, &Harvester::TakeEvents, &Harvester::MakeGroups,
                               &Harvester::TellLost};
    if (!db_.Execute("BEGIN")) return db_.last_error();
    for (const Step step : kSteps) {
      if (Result<Void> done = (this->*step)(); !done.ok()) return done.error();
      if (failed_) return *failed_;
    }
    // What waits for its deletion is of no group.
    if (!db_.Execute("DELETE FROM garbage WHERE gid IN (SELECT gid FROM groups)") || !db_.Execute("COMMIT"))
      return db_.last_error();
    return std::move(harvested_);
  }

 private:
  // Statements ---------------------------------------------------------------------------------------------

  static void Bind(sqlite::Statement& statement, const StoredRow::Value& value) {
    switch (value.type) {
      case StoredRow::Type::kNull:
        statement.Bind(std::nullopt);
        break;
      case StoredRow::Type::kInteger:
        statement.Bind(value.integer);
        break;
      case StoredRow::Type::kBytes:
        statement.BindBlob(value.bytes);
        break;
    }
  }
  static StoredRow::Value Integer(int64_t value) { return {StoredRow::Type::kInteger, value, {}}; }
  static StoredRow::Value Text(std::string_view text) {
    return {StoredRow::Type::kBytes, 0, std::string(text)};
  }

  // The rows that `sql` yields; a failure is kept, and what follows is moot.
  std::vector<Values> Query(const std::string& sql, const Values& values, std::string_view types = {}) {
    std::vector<Values> rows;
    if (failed_) return rows;
    auto known = statements_.find(sql);
    if (known == statements_.end()) {
      Result<sqlite::Statement> prepared = db_.Prepare(sql);
      if (!prepared.ok()) {
        failed_ = prepared.error();
        return rows;
      }
      known = statements_.emplace(sql, std::move(prepared.value())).first;
    }
    sqlite::Use use(known->second);
    for (const StoredRow::Value& value : values) Bind(*use, value);
    sqlite::Step step = sqlite::Step::kDone;
    while ((step = use->Next()) == sqlite::Step::kRow) {
      Values& row = rows.emplace_back();
      for (size_t i = 0; i < types.size(); ++i) {
        const int column = static_cast<int>(i);
        row.push_back(types[i] == 'i' ? Integer(use->Int(column)) : Text(use->Bytes(column)));
      }
    }
    if (step == sqlite::Step::kFailed) failed_ = db_.last_error();
    return rows;
  }
  bool Exists(const std::string& sql, const Values& values) { return !Query(sql, values).empty(); }
  bool IsGarbage(int64_t gid) { return Exists("SELECT 1 FROM garbage WHERE gid = ?1", {Integer(gid)}); }

  // 1. Groups and their ids --------------------------------------------------------------------------------

  Result<Void> FindNames() {
    Result<Void> walked = WalkPages(damaged_, [this](const StoredRow& row) {
      if (failed_) return;
      row.keyed ? OnKeyed(row) : OnOther(row.values);
    });
    if (!walked.ok()) return walked;
    for (const auto& [gid, id] : names_) candidates_[gid].insert(id);
    return Void{};
  }

  void OnKeyed(const StoredRow& row) {
    const Values& values = row.values;
    if (row.Is(kGroupRow)) return OnGroup(row.row_id, values);
    if (row.Is(kGarbageRow)) (void)Query("INSERT OR IGNORE INTO garbage VALUES(?1)", {Integer(row.row_id)});
    if (!row.Is(kRecordsRow) || values[2].integer != 1) return;
    std::vector<Record> records;
    if (!storage::DecodeRecords(values[6].bytes, 1, &records).ok() || records.empty() ||
        records.front().group == nullptr) {
      return;
    }
    const std::string& id = records.front().group->id;
    const Place place{.part = Part::kRecords, .gid = values[1].integer, .group = id, .number = 1};
    if (Proves(place, values[6].bytes, values[7].integer)) names_[place.gid] = id;
  }

  void OnGroup(int64_t gid, const Values& values) {
    const std::string& id = values[2].bytes;
    const Place spec{.part = Part::kSpec, .gid = gid, .group = id};
    if (!Proves(spec, values[8].bytes, values[9].integer)) return;
    names_[gid] = id;
    const Place summary{
        .part = Part::kSummary, .gid = gid, .group = id, .number = static_cast<uint64_t>(values[6].integer)};
    if (!Proves(summary, values[10].bytes, values[11].integer)) return;
    const std::optional<uint64_t> head = HeadOfSound(gid, id);
    if (head && *head >= summary.number) return;
    PutGroup(gid, {values.begin() + 1, values.end()});
  }

  // That of the group's row in the journal, if that row is what was stored.
  std::optional<uint64_t> HeadOfSound(int64_t gid, const std::string& id) {
    const auto rows = Query(
        "SELECT spec, spec_sum, head, summary, summary_sum FROM groups WHERE gid = ?1 AND id = CAST(?2 AS "
        "TEXT)",
        {Integer(gid), Text(id)}, "biibi");
    if (rows.empty()) return std::nullopt;
    const Values& row = rows.front();
    const auto head = static_cast<uint64_t>(row[2].integer);
    const bool sound = Proves({.part = Part::kSpec, .gid = gid, .group = id}, row[0].bytes, row[1].integer) &&
                       Proves({.part = Part::kSummary, .gid = gid, .group = id, .number = head}, row[3].bytes,
                              row[4].integer);
    return sound ? std::optional(head) : std::nullopt;
  }

  // `values`: from ns on.
  void PutGroup(int64_t gid, Values values) {
    (void)Query("DELETE FROM groups WHERE gid = ?1 OR (ns = 1 AND id = CAST(?2 AS TEXT))",
                {Integer(gid), values[1]});
    values.insert(values.begin(), Integer(gid));
    (void)Query(
        "INSERT OR IGNORE INTO groups VALUES(?1, ?2, CAST(?3 AS TEXT), CAST(?4 AS TEXT), ?5, ?6, ?7, "
        "CAST(?8 AS TEXT), ?9, ?10, ?11, ?12)",
        values);
  }

  void OnOther(const Values& values) {
    const StoredRow row{.values = values};
    if (row.Is(kIdEntry) && values[0].integer == 1) {
      if (values[2].integer < kFirstTime) {
        candidates_[values[2].integer].insert(values[1].bytes);
      } else {
        (void)Query("INSERT OR IGNORE INTO purged VALUES(1, CAST(?1 AS TEXT), ?2)", {values[1], values[2]});
      }
    } else if (row.Is(kMetaRow)) {
      (void)Query(
          "UPDATE meta SET value = max(value, ?2) WHERE key = CAST(?1 AS TEXT) AND "
          "key IN ('epoch', 'owner_of_all', 'next_gid', 'next_seq', 'fence')",
          values);
    } else if (row.Is(kRequestRow) && values[0].integer == 1 && values[3].type != StoredRow::Type::kBytes) {
      (void)Query("INSERT OR IGNORE INTO requests VALUES(?1, CAST(?2 AS TEXT), CAST(?3 AS TEXT), ?4)",
                  values);
    } else if (row.Is(kPoolRow) && values[0].integer == 1) {
      (void)Query("INSERT OR IGNORE INTO pools VALUES(?1, CAST(?2 AS TEXT), ?3, ?4)", values);
    }
  }

  // 2. Events ----------------------------------------------------------------------------------------------

  Result<Void> TakeEvents() {
    return WalkPages(damaged_, [this](const StoredRow& row) {
      if (failed_ || !row.keyed) return;
      if (row.Is(kRecordsRow)) TakeRecords(row.row_id, row.values);
    });
  }

  // The id that makes the bytes what was stored there; it is that of the gid from now on.
  bool ProvedByName(Place place, std::string_view bytes, int64_t sum) {
    const auto ids = candidates_.find(place.gid);
    if (ids == candidates_.end()) return false;
    for (const std::string& id : ids->second) {
      place.group = id;
      if (!Proves(place, bytes, sum)) continue;
      names_.emplace(place.gid, id);
      return true;
    }
    return false;
  }

  void TakeRecords(int64_t seq, const Values& values) {
    const StoredRow::Value& gid = values[1];
    const StoredRow::Value& last = values[3];
    const auto there =
        Query("SELECT first, data, data_sum FROM records WHERE gid = ?1 AND last = ?2", {gid, last}, "ibi");
    if (!there.empty() && there[0][0].integer == values[2].integer && there[0][1].bytes == values[6].bytes &&
        there[0][2].integer == values[7].integer) {
      return;
    }
    const Place place{
        .part = Part::kRecords, .gid = gid.integer, .number = static_cast<uint64_t>(values[2].integer)};
    if (!ProvedByName(place, values[6].bytes, values[7].integer)) return;
    if (IsGarbage(gid.integer)) return;
    std::vector<Record> records;
    if (!verified::Records(
             {.part = place.part, .gid = place.gid, .group = names_[place.gid], .number = place.number},
             static_cast<uint64_t>(last.integer), values[6].bytes, static_cast<uint64_t>(values[7].integer),
             &records)
             .ok()) {
      return;
    }
    (void)Query("DELETE FROM records WHERE gid = ?1 AND last = ?2", {gid, last});
    // A number that another row has is a damaged one: it takes one behind all others.
    (void)Query(
        "INSERT OR IGNORE INTO records SELECT CASE WHEN EXISTS(SELECT 1 FROM records WHERE seq = ?1) "
        "THEN (SELECT max(seq) + 1 FROM records) ELSE ?1 END, ?2, ?3, ?4, ?5, ?6, ?7, ?8",
        {Integer(seq), gid, values[2], last, values[4], values[5], values[6], values[7]});
  }

  // 3. Groups whose row is gone ----------------------------------------------------------------------------

  Result<Void> MakeGroups() {
    for (const auto& [gid, id] : names_) {
      if (!HeadOfSound(gid, id) && !IsGarbage(gid) &&
          !Exists("SELECT 1 FROM purged WHERE ns = 1 AND id = CAST(?1 AS TEXT)", {Text(id)})) {
        MakeGroup(gid, id);
      }
      if (failed_) return *failed_;
    }
    return Index();
  }

  // Of its events up to the first that is lost.
  void MakeGroup(int64_t gid, const std::string& id) {
    const auto rows = Query("SELECT first, last, data, data_sum FROM records WHERE gid = ?1 ORDER BY last",
                            {Integer(gid)}, "iibi");
    std::vector<Record> records;
    for (const Values& row : rows) {
      const Place place{
          .part = Part::kRecords, .gid = gid, .group = id, .number = static_cast<uint64_t>(row[0].integer)};
      if (place.number != records.size() + 1 ||
          !verified::Records(place, static_cast<uint64_t>(row[1].integer), row[2].bytes,
                             static_cast<uint64_t>(row[3].integer), &records)
               .ok()) {
        break;
      }
    }
    if (records.empty() || records.front().group == nullptr) return;
    const GroupSummary summary = SummaryOf(records.front().group, records);
    const std::string spec = storage::EncodeGroupSpec(*summary.spec);
    const std::string bytes = storage::EncodeSummary(summary);
    const auto& request = records.front().request;
    const uint64_t spec_sum = Checksum({.part = Part::kSpec, .gid = gid, .group = id}, spec);
    const uint64_t sum =
        Checksum({.part = Part::kSummary, .gid = gid, .group = id, .number = summary.last_number}, bytes);
    PutGroup(gid,
             {Integer(1), Text(id), Text(summary.spec->name), Integer(storage::ToMicros(summary.created)),
              Integer(static_cast<int64_t>(PhaseOf(summary.state))),
              Integer(static_cast<int64_t>(summary.last_number)),
              request == nullptr ? StoredRow::Value{} : Text(request->id), Text(spec),
              Integer(static_cast<int64_t>(spec_sum)), Text(bytes), Integer(static_cast<int64_t>(sum))});
  }

  // What a spec says is found by it.
  Result<Void> Index() {
    for (const auto& [gid, id] : names_) {
      const auto rows =
          Query("SELECT created, spec, request FROM groups WHERE gid = ?1", {Integer(gid)}, "ibb");
      if (rows.empty()) continue;
      const auto spec = storage::DecodeGroupSpec(rows[0][1].bytes);
      if (!spec.ok()) continue;
      for (const auto& [key, value] : spec.value()->labels) {
        (void)Query("INSERT OR IGNORE INTO labels VALUES(1, CAST(?1 AS TEXT), CAST(?2 AS TEXT), ?3, ?4)",
                    {Text(key), Text(value), rows[0][0], Integer(gid)});
      }
      if (!rows[0][2].bytes.empty()) {
        (void)Query("INSERT OR IGNORE INTO requests VALUES(1, CAST(?1 AS TEXT), CAST(?2 AS TEXT), NULL)",
                    {rows[0][2], Text(id)});
      }
      if (failed_) return *failed_;
    }
    return Void{};
  }

  // 4. What is known to be lost ----------------------------------------------------------------------------

  Result<Void> TellLost() {
    std::map<int64_t, int64_t> ends;  // of groups of which the last events are lost
    Result<Void> walked = WalkPages(damaged_, [&](const StoredRow& row) {
      if (failed_ || row.keyed) return;
      const Values& values = row.values;
      if (row.Is(kCreatedEntry) && values[0].integer == 1 && values[2].integer == values[3].integer)
        TellGroup(values[2].integer);
      if (!row.Is(kRecordsEntry) || values[1].integer < 1) return;
      // The row is there under another number: it is the index that is damaged.
      if (Exists("SELECT 1 FROM records WHERE seq = ?1", {values[2]})) return;
      if (Exists("SELECT 1 FROM records WHERE gid = ?1 AND last >= ?2", {values[0], values[1]})) return;
      int64_t& end = ends[values[0].integer];
      end = std::max(end, values[1].integer);
    });
    if (!walked.ok()) return walked;
    for (const auto& [gid, end] : ends) {
      const auto name = names_.find(gid);
      if (name == names_.end() || IsGarbage(gid)) continue;
      const auto last =
          Query("SELECT coalesce(max(last), 0) FROM records WHERE gid = ?1", {Integer(gid)}, "i");
      if (last.empty()) break;
      const int64_t first = last[0][0].integer + 1;
      Lose(name->second,
           first == end ? "event " + std::to_string(end) + " is lost"
                        : "events " + std::to_string(first) + " to " + std::to_string(end) + " are lost");
    }
    return Void{};
  }

  void TellGroup(int64_t gid) {
    if (Exists("SELECT 1 FROM groups WHERE gid = ?1", {Integer(gid)}) || IsGarbage(gid)) return;
    const auto ids = candidates_.find(gid);
    const bool named = ids != candidates_.end() && ids->second.size() == 1;
    Lose(named ? *ids->second.begin() : "number " + std::to_string(gid), "its first events are lost");
  }

  void Lose(const std::string& group, const std::string& what) {
    std::string& line = harvested_.lost[group];
    line = line.empty() ? "group " + group + ": " + what : line + "; " + what;
  }

  sqlite::Database& db_;
  const std::string damaged_;
  std::map<std::string, sqlite::Statement> statements_;
  std::optional<Error> failed_;
  std::map<int64_t, std::string> names_;                 // that a checksum proves
  std::map<int64_t, std::set<std::string>> candidates_;  // and what an index says
  Harvested harvested_;
};

}  // namespace

Result<Harvested> Harvest(sqlite::Database& db, const std::string& damaged) {
  return Harvester(db, damaged).Run();
}

}  // namespace covey
