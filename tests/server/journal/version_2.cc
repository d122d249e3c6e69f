#include "tests/server/journal/version_2.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include "server/journal/storage.h"
#include "tests/server/journal/support.h"

namespace covey {
namespace {

constexpr char kSchema[] = R"sql(
  PRAGMA journal_mode = WAL;
  BEGIN;
  CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE groups(
    gid INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    created INTEGER NOT NULL,
    phase INTEGER NOT NULL,
    request TEXT,
    spec BLOB NOT NULL,
    summary BLOB NOT NULL);
  CREATE INDEX groups_created ON groups(created, gid);
  CREATE INDEX groups_phase ON groups(phase, created, gid);
  CREATE INDEX groups_name ON groups(name, created, gid);
  CREATE TABLE labels(
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    created INTEGER NOT NULL,
    gid INTEGER NOT NULL,
    PRIMARY KEY(key, value, created, gid)) WITHOUT ROWID;
  CREATE TABLE records(
    seq INTEGER PRIMARY KEY,
    gid INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    commit_id INTEGER NOT NULL,
    data BLOB NOT NULL);
  CREATE UNIQUE INDEX records_group ON records(gid, last);
  CREATE TABLE requests(id TEXT PRIMARY KEY, group_id TEXT NOT NULL, expires INTEGER) WITHOUT ROWID;
  CREATE INDEX requests_expires ON requests(expires) WHERE expires IS NOT NULL;
  CREATE TABLE purged(id TEXT PRIMARY KEY, expires INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX purged_expires ON purged(expires);
  CREATE TABLE owners(id TEXT PRIMARY KEY, epoch INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE garbage(gid INTEGER PRIMARY KEY);
  CREATE TABLE pools(name TEXT PRIMARY KEY, max INTEGER NOT NULL, closing INTEGER NOT NULL) WITHOUT ROWID;
  INSERT INTO meta VALUES('identity', 4711), ('epoch', 8), ('owner_of_all', 7), ('next_gid', 12), ('next_seq', 26),
    ('fence', 0);
  INSERT INTO pools VALUES('p', 3, 0);
  INSERT INTO owners VALUES('g9', 8);
  INSERT INTO requests VALUES('r-gone', 'gone', 9000000000000000);
  INSERT INTO purged VALUES('gone', 9000000000000000);
  INSERT INTO garbage VALUES(11);
  PRAGMA application_id = 0x636F7679;
  PRAGMA user_version = 2;
)sql";

class Database {
 public:
  explicit Database(const std::string& path) {
    EXPECT_EQ(sqlite3_open(path.c_str(), &db_), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db_, "PRAGMA synchronous = OFF", nullptr, nullptr, nullptr), SQLITE_OK);
  }
  ~Database() { sqlite3_close(db_); }

  void Execute(const char* sql) {
    EXPECT_EQ(sqlite3_exec(db_, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db_);
  }
  // With one blob, or two.
  void Insert(const std::string& sql, const std::string& first, const std::string& second = "") {
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db_);
    sqlite3_bind_blob(statement, 1, first.data(), static_cast<int>(first.size()), SQLITE_STATIC);
    if (!second.empty())
      sqlite3_bind_blob(statement, 2, second.data(), static_cast<int>(second.size()), SQLITE_STATIC);
    EXPECT_EQ(sqlite3_step(statement), SQLITE_DONE) << sqlite3_errmsg(db_);
    sqlite3_finalize(statement);
  }

 private:
  sqlite3* db_ = nullptr;
};

std::string Encoded(const Append& append) {
  std::string bytes;
  storage::EncodeRecords(append.batch->records(), &bytes);
  return bytes;
}

}  // namespace

void MakeVersion2(const std::string& directory) {
  Database db(directory + "/journal.db");
  db.Execute(kSchema);
  int seq = 0;
  for (int i = 0; i < 10; ++i) {
    const std::string n = std::to_string(i);
    const std::string gid = std::to_string(i + 1);
    Writer group("g" + n, 7);
    group.spec().name = "group " + n;
    group.spec().labels = {{"k", "v" + n}};
    group.summary().created = Writer::At(i);
    const std::string created = std::to_string(Writer::At(i).time_since_epoch().count());
    const Append create = group.Create("r" + n);
    const Append tasks = group.Tasks(600, "payload " + n);
    if (i < 5) {
      group.summary().state.decided = group.summary().state.completed = true;
      group.summary().state.outcome = state::Outcome::kFailed;
      group.summary().failure = std::make_shared<const Failure>(Failure{.message = "failure " + n});
    }
    const std::string phase = std::to_string(static_cast<int>(PhaseOf(group.summary().state)));
    db.Insert("INSERT INTO groups VALUES(" + gid + ", 'g" + n + "', 'group " + n + "', " + created + ", " +
                  phase + ", 'r" + n + "', ?1, ?2)",
              storage::EncodeGroupSpec(group.spec()), storage::EncodeSummary(group.summary()));
    db.Execute(("INSERT INTO labels VALUES('k', 'v" + n + "', " + created + ", " + gid + ")").c_str());
    db.Execute(("INSERT INTO requests VALUES('r" + n + "', 'g" + n + "', NULL)").c_str());
    for (const Append& append : {create, tasks}) {
      ++seq;
      db.Insert("INSERT INTO records VALUES(" + std::to_string(seq) + ", " + gid + ", " +
                    std::to_string(append.batch->first()) + ", " + std::to_string(append.batch->last()) +
                    ", 7, " + std::to_string(seq) + ", ?1)",
                Encoded(append));
    }
  }
  for (int i = 1; i <= 5; ++i) {
    db.Insert("INSERT INTO records VALUES(" + std::to_string(++seq) + ", 11, " + std::to_string(i) + ", " +
                  std::to_string(i) + ", 7, 1, ?1)",
              "garbage");
  }
  db.Execute("COMMIT");
}

}  // namespace covey
