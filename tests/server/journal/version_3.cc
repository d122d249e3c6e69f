#include "tests/server/journal/version_3.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>

namespace covey {
namespace {

constexpr char kSchema3[] = R"sql(
  CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
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
  CREATE TABLE records(
    seq INTEGER PRIMARY KEY,
    gid INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    commit_id INTEGER NOT NULL,
    data BLOB NOT NULL,
    data_sum INTEGER NOT NULL DEFAULT 0);
  CREATE UNIQUE INDEX records_group ON records(gid, last);
  CREATE TABLE snapshots(gid INTEGER PRIMARY KEY, number INTEGER NOT NULL, data BLOB NOT NULL, data_sum INTEGER NOT NULL);
  CREATE TABLE requests(
    ns INTEGER NOT NULL, id TEXT NOT NULL, group_id TEXT NOT NULL, expires INTEGER, PRIMARY KEY(ns, id)) WITHOUT ROWID;
  CREATE INDEX requests_expires ON requests(expires) WHERE expires IS NOT NULL;
  CREATE TABLE purged(
    ns INTEGER NOT NULL, id TEXT NOT NULL, expires INTEGER NOT NULL, PRIMARY KEY(ns, id)) WITHOUT ROWID;
  CREATE INDEX purged_expires ON purged(expires);
  CREATE TABLE owners(ns INTEGER NOT NULL, id TEXT NOT NULL, epoch INTEGER NOT NULL, PRIMARY KEY(ns, id)) WITHOUT ROWID;
  CREATE TABLE garbage(gid INTEGER PRIMARY KEY);
  CREATE TABLE pools(
    ns INTEGER NOT NULL,
    name TEXT NOT NULL,
    max INTEGER NOT NULL,
    closing INTEGER NOT NULL,
    PRIMARY KEY(ns, name)) WITHOUT ROWID;
)sql";

}  // namespace

void MakeVersion3(const std::string& directory) {
  const std::string file = directory + "/journal.db";
  const std::string now = directory + "/now.db";
  std::filesystem::rename(file, now);
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &db), SQLITE_OK);
  const auto execute = [db](const std::string& sql) {
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
  };
  execute("PRAGMA synchronous = OFF; PRAGMA journal_mode = WAL");
  execute("ATTACH '" + now + "' AS now; BEGIN");
  execute(kSchema3);
  for (const char* table :
       {"groups", "labels", "records", "snapshots", "requests", "purged", "owners", "garbage", "pools"}) {
    execute(std::string("INSERT INTO main.") + table + " SELECT * FROM now." + table);
  }
  execute("INSERT INTO main.meta SELECT * FROM now.meta WHERE key != 'purges_from'");
  execute("COMMIT; DETACH now; PRAGMA application_id = 0x636F7679; PRAGMA user_version = 3");
  sqlite3_close(db);
  std::filesystem::remove(now);
}

}  // namespace covey
