#include "server/journal/migrate.h"

#include <sqlite3.h>

#include <random>
#include <string_view>
#include <utility>

#include "server/journal/checksum.h"
#include "server/journal/sql.h"
#include "server/journal/storage.h"

namespace covey {
namespace {

// What an earlier version has kept is not purged for so long (before 4 nothing was).
constexpr std::chrono::hours kGrace{7 * 24};

// What makes version i + 2 of version i + 1. Each is what it was when its version came: later ones do not
// change it. covey_checksum(part, gid, group, number, bytes) is Checksum.
constexpr std::string_view kFillEnded =
    "INSERT OR IGNORE INTO ended SELECT gid, phase = 4, covey_completed(summary), length(spec) + "
    "length(summary) + "
    "(SELECT coalesce(sum(length(data)), 0) FROM records WHERE records.gid = groups.gid) FROM groups WHERE "
    "phase >= 3;";

constexpr std::string_view kSteps[] = {
    R"sql(
  CREATE TABLE pools(name TEXT PRIMARY KEY, max INTEGER NOT NULL, closing INTEGER NOT NULL) WITHOUT ROWID;
)sql",
    R"sql(
  DROP INDEX groups_created;
  DROP INDEX groups_phase;
  DROP INDEX groups_name;
  DROP INDEX requests_expires;
  DROP INDEX purged_expires;
  ALTER TABLE groups RENAME TO groups_2;
  ALTER TABLE labels RENAME TO labels_2;
  ALTER TABLE requests RENAME TO requests_2;
  ALTER TABLE purged RENAME TO purged_2;
  ALTER TABLE owners RENAME TO owners_2;
  ALTER TABLE pools RENAME TO pools_2;

  CREATE TABLE namespaces(ns INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
  INSERT INTO namespaces VALUES(1, 'default');
  CREATE TABLE groups(
    gid INTEGER PRIMARY KEY,
    ns INTEGER NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    created INTEGER NOT NULL,
    phase INTEGER NOT NULL,
    head INTEGER NOT NULL,
    request TEXT,
    spec BLOB NOT NULL,
    spec_sum INTEGER NOT NULL,
    summary BLOB NOT NULL,
    summary_sum INTEGER NOT NULL,
    UNIQUE(ns, id));
  INSERT INTO groups SELECT gid, 1, id, name, created, phase, head, request,
    spec, covey_checksum(2, gid, id, 0, spec), summary, covey_checksum(3, gid, id, head, summary)
    FROM (SELECT *, (SELECT coalesce(max(last), 0) FROM records WHERE records.gid = groups_2.gid) AS head
          FROM groups_2) ORDER BY gid;
  CREATE INDEX groups_created ON groups(ns, created, gid);
  CREATE INDEX groups_phase ON groups(ns, phase, created, gid);
  CREATE INDEX groups_name ON groups(ns, name, created, gid);
  CREATE TABLE labels(
    ns INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    created INTEGER NOT NULL,
    gid INTEGER NOT NULL,
    PRIMARY KEY(ns, key, value, created, gid)) WITHOUT ROWID;
  INSERT INTO labels SELECT 1, key, value, created, gid FROM labels_2;
  ALTER TABLE records ADD COLUMN data_sum INTEGER NOT NULL DEFAULT 0;
  UPDATE records SET data_sum = covey_checksum(1, gid,
    coalesce((SELECT id FROM groups WHERE groups.gid = records.gid), ''), first, data);
  CREATE TABLE snapshots(
    gid INTEGER PRIMARY KEY,
    number INTEGER NOT NULL,
    data BLOB NOT NULL,
    data_sum INTEGER NOT NULL);
  CREATE TABLE requests(
    ns INTEGER NOT NULL,
    id TEXT NOT NULL,
    group_id TEXT NOT NULL,
    expires INTEGER,
    PRIMARY KEY(ns, id)) WITHOUT ROWID;
  INSERT INTO requests SELECT 1, id, group_id, expires FROM requests_2;
  CREATE INDEX requests_expires ON requests(expires) WHERE expires IS NOT NULL;
  CREATE TABLE purged(
    ns INTEGER NOT NULL,
    id TEXT NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY(ns, id)) WITHOUT ROWID;
  INSERT INTO purged SELECT 1, id, expires FROM purged_2;
  CREATE INDEX purged_expires ON purged(expires);
  CREATE TABLE owners(
    ns INTEGER NOT NULL,
    id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    PRIMARY KEY(ns, id)) WITHOUT ROWID;
  INSERT INTO owners SELECT 1, id, epoch FROM owners_2;
  CREATE TABLE pools(
    ns INTEGER NOT NULL,
    name TEXT NOT NULL,
    max INTEGER NOT NULL,
    closing INTEGER NOT NULL,
    PRIMARY KEY(ns, name)) WITHOUT ROWID;
  INSERT INTO pools SELECT 1, name, max, closing FROM pools_2;

  DROP TABLE groups_2;
  DROP TABLE labels_2;
  DROP TABLE requests_2;
  DROP TABLE purged_2;
  DROP TABLE owners_2;
  DROP TABLE pools_2;
)sql",
    R"sql(
  CREATE TABLE orphans(ns INTEGER NOT NULL, id TEXT NOT NULL, PRIMARY KEY(ns, id)) WITHOUT ROWID;
  CREATE TABLE ended(
    gid INTEGER PRIMARY KEY, failed INTEGER NOT NULL, time INTEGER NOT NULL, bytes INTEGER NOT NULL);
  CREATE INDEX ended_time ON ended(failed, time, gid);
)sql",
    "",  // the pages have checksums, which OpenForWriting sees to
    R"sql(
  CREATE TABLE marks(
    gid INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    key TEXT NOT NULL,
    first INTEGER NOT NULL,
    count INTEGER NOT NULL,
    fingerprint INTEGER NOT NULL,
    PRIMARY KEY(gid, kind, key)) WITHOUT ROWID;
  CREATE TABLE tasks(
    gid INTEGER NOT NULL,
    late INTEGER NOT NULL,
    first INTEGER NOT NULL,
    data BLOB NOT NULL,
    data_sum INTEGER NOT NULL,
    PRIMARY KEY(gid, late, first)) WITHOUT ROWID;
)sql",
};
static_assert(std::size(kSteps) + 1 == sql::kSchemaVersion);

Error Explain(const std::string& path, const sqlite::Database& db) {
  Error error = db.last_error();
  error.message = path + ": " + error.message;
  return error;
}

Error NotAJournal(const std::string& path) {
  return {
      .code = ErrorCode::kDataLoss, .reason = "JOURNAL_CORRUPT", .message = path + " is not a covey journal"};
}

std::string_view Bytes(sqlite3_value* value) {
  const void* data = sqlite3_value_blob(value);
  if (data == nullptr) return {};
  return {static_cast<const char*>(data), static_cast<size_t>(sqlite3_value_bytes(value))};
}

void ChecksumFunction(sqlite3_context* context, int, sqlite3_value** arguments) {
  const Place place{.part = static_cast<Part>(sqlite3_value_int(arguments[0])),
                    .gid = sqlite3_value_int64(arguments[1]),
                    .group = Bytes(arguments[2]),
                    .number = static_cast<uint64_t>(sqlite3_value_int64(arguments[3]))};
  sqlite3_result_int64(context, static_cast<int64_t>(Checksum(place, Bytes(arguments[4]))));
}

// The end of a group by its summary; 0: it cannot be told.
void CompletedFunction(sqlite3_context* context, int, sqlite3_value** arguments) {
  const Result<GroupSummary> summary = storage::DecodeSummary(Bytes(arguments[0]), nullptr);
  sqlite3_result_int64(context, summary.ok() ? summary.value().completed.time_since_epoch().count() : 0);
}

bool MakeSchema(sqlite::Database& db) {
  std::random_device device;
  const uint64_t identity = static_cast<uint64_t>(device()) << 32 | device();
  return db.Execute(std::string(sql::kSchema)) &&
         db.Execute("INSERT INTO meta VALUES('identity', " + std::to_string(static_cast<int64_t>(identity)) +
                    "), ('epoch', 0), ('owner_of_all', 0), ('next_gid', 1), ('next_seq', 1), ('fence', 0), "
                    "('purges_from', 0)") &&
         db.Execute("PRAGMA application_id = " + std::to_string(sql::kApplicationId));
}

bool Migrate(sqlite::Database& db, int64_t from, WallTime now) {
  if (!db.AddFunction("covey_checksum", 5, ChecksumFunction)) return false;
  for (int64_t version = from; version < sql::kSchemaVersion; ++version) {
    if (!db.Execute(std::string(kSteps[version - 1]))) return false;
  }
  return from > 3 || (FillEnded(db) && PurgeLater(db, now));
}

}  // namespace

bool PurgeLater(sqlite::Database& db, WallTime now) {
  const int64_t from = (now + kGrace).time_since_epoch().count();
  return db.Execute("INSERT OR REPLACE INTO meta VALUES('purges_from', " + std::to_string(from) + ")");
}

bool FillEnded(sqlite::Database& db) {
  return db.AddFunction("covey_completed", 1, CompletedFunction) && db.Execute(std::string(kFillEnded));
}

Result<int64_t> BringUpToDate(sqlite::Database& db, const std::string& path, WallTime now) {
  const auto tables = db.QueryInt("SELECT count(*) FROM sqlite_schema");
  const auto application = db.QueryInt("PRAGMA application_id");
  const auto version = db.QueryInt("PRAGMA user_version");
  if (!tables || !application || !version) return Explain(path, db);
  const bool empty = *tables == 0 && *application == 0 && *version == 0;
  if (!empty && (*application != sql::kApplicationId || *version < 1)) return NotAJournal(path);
  if (*version > sql::kSchemaVersion) {
    return Error{.code = ErrorCode::kFailedPrecondition,
                 .reason = "JOURNAL_TOO_NEW",
                 .message = path + " is a journal of version " + std::to_string(*version) +
                            ", written by a newer covey; this one reads versions 1 to " +
                            std::to_string(sql::kSchemaVersion)};
  }
  if (!empty && !db.QueryInt("SELECT value FROM meta WHERE key = 'identity'")) return NotAJournal(path);
  if (*version < sql::kSchemaVersion) {
    if (!db.Execute("BEGIN IMMEDIATE") || !(empty ? MakeSchema(db) : Migrate(db, *version, now)) ||
        !db.Execute("PRAGMA user_version = " + std::to_string(sql::kSchemaVersion)) ||
        !db.Execute("COMMIT")) {
      Error error = Explain(path, db);
      if (!empty) {
        error.message += "; the journal could not be migrated from version " + std::to_string(*version) +
                         " to version " + std::to_string(sql::kSchemaVersion);
      }
      return error;
    }
  }
  return *version;
}

}  // namespace covey
