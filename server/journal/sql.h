#pragma once

#include <string_view>

// Every statement of the SQLite journal in one place, so that a test can ask for the plan of each: none may
// scan a table. ?1, ?2, … are bound in order.
namespace covey::sql {

inline constexpr int kApplicationId = 0x636F7679;  // "covy"
inline constexpr int kSchemaVersion = 6;           // 5: as 4, with checksums in the pages

// gid and seq are never used again (meta keeps the next ones across a purge): garbage waits for its deletion
// by gid, and a cursor of Watch is a seq.
//
// namespaces: ids, names, request ids and pools are unique in one of them. So far there is one, "default",
// which is what `ns = 1` means in every statement. groups: `head` is the number of the newest event when the
// summary was written, which makes it that of the last one once the group is over. records: one row holds
// events next to each other of one append; seq is the order of the commits. The index finds the row of an
// event and the head of a group. labels: keyed so that the groups with a label come newest first. requests,
// purged: until `expires` they outlive their group (promise 13). garbage: gids of purged groups whose records
// are still to be deleted. orphans: ids of purged groups whose
// output may still be there. ended: the groups that are over, with the time of their end and about how many bytes
// they take. snapshots: the newest of each group that has one. marks, tasks: what its owner looks up once it is behind a
// snapshot. pools: those made while the
// daemon ran. Each …sum is the Checksum of what stands before it.
inline constexpr std::string_view kSchema = R"sql(
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
  CREATE TABLE requests(
    ns INTEGER NOT NULL, id TEXT NOT NULL, group_id TEXT NOT NULL, expires INTEGER, PRIMARY KEY(ns, id)) WITHOUT ROWID;
  CREATE INDEX requests_expires ON requests(expires) WHERE expires IS NOT NULL;
  CREATE TABLE purged(
    ns INTEGER NOT NULL, id TEXT NOT NULL, expires INTEGER NOT NULL, PRIMARY KEY(ns, id)) WITHOUT ROWID;
  CREATE INDEX purged_expires ON purged(expires);
  CREATE TABLE owners(ns INTEGER NOT NULL, id TEXT NOT NULL, epoch INTEGER NOT NULL, PRIMARY KEY(ns, id)) WITHOUT ROWID;
  CREATE TABLE garbage(gid INTEGER PRIMARY KEY);
  CREATE TABLE orphans(ns INTEGER NOT NULL, id TEXT NOT NULL, PRIMARY KEY(ns, id)) WITHOUT ROWID;
  CREATE TABLE ended(
    gid INTEGER PRIMARY KEY, failed INTEGER NOT NULL, time INTEGER NOT NULL, bytes INTEGER NOT NULL);
  CREATE INDEX ended_time ON ended(failed, time, gid);
  CREATE TABLE pools(
    ns INTEGER NOT NULL,
    name TEXT NOT NULL,
    max INTEGER NOT NULL,
    closing INTEGER NOT NULL,
    PRIMARY KEY(ns, name)) WITHOUT ROWID;
)sql";

// Writer.
inline constexpr std::string_view kSetMeta = "INSERT OR REPLACE INTO meta VALUES(?1, ?2)";
inline constexpr std::string_view kGetMeta = "SELECT value FROM meta WHERE key = ?1";
inline constexpr std::string_view kFindGid = "SELECT gid FROM groups WHERE ns = 1 AND id = ?1";
inline constexpr std::string_view kHead = "SELECT max(last) FROM records WHERE gid = ?1";
inline constexpr std::string_view kFindCommit =
    "SELECT first, commit_id FROM records WHERE gid = ?1 AND last >= ?2 ORDER BY last LIMIT 1";
// The group that a request made; a row whose time is over counts no more.
inline constexpr std::string_view kFindRequest =
    "SELECT group_id FROM requests WHERE ns = 1 AND id = ?1 AND (expires IS NULL OR expires > ?2)";
inline constexpr std::string_view kFindPurged = "SELECT expires FROM purged WHERE ns = 1 AND id = ?1";
inline constexpr std::string_view kInsertGroup =
    "INSERT INTO groups VALUES(?1, 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
inline constexpr std::string_view kUpdateGroup =
    "UPDATE groups SET phase = ?1, head = ?2, summary = ?3, summary_sum = ?4 WHERE gid = ?5";
inline constexpr std::string_view kInsertLabel = "INSERT OR IGNORE INTO labels VALUES(1, ?1, ?2, ?3, ?4)";
inline constexpr std::string_view kInsertRequest = "INSERT OR REPLACE INTO requests VALUES(1, ?1, ?2, NULL)";
inline constexpr std::string_view kInsertRecords =
    "INSERT INTO records VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
inline constexpr std::string_view kInsertOwner = "INSERT OR REPLACE INTO owners VALUES(1, ?1, ?2)";
inline constexpr std::string_view kPutSnapshot =
    "INSERT INTO snapshots VALUES(?1, ?2, ?3, ?4) ON CONFLICT(gid) DO UPDATE SET number = excluded.number, "
    "data = excluded.data, data_sum = excluded.data_sum WHERE excluded.number >= number";
inline constexpr std::string_view kPutMark = "INSERT OR REPLACE INTO marks VALUES(?1, ?2, ?3, ?4, ?5, ?6)";
inline constexpr std::string_view kPutTasks = "INSERT OR REPLACE INTO tasks VALUES(?1, ?2, ?3, ?4, ?5)";

inline constexpr std::string_view kInsertEnded = "INSERT OR REPLACE INTO ended VALUES(?1, ?2, ?3, ?4)";
// The rows of a group, for their sizes.
inline constexpr std::string_view kRowSizes =
    "SELECT length(data), last FROM records WHERE gid = ?1 LIMIT ?2";

// Purge.
inline constexpr std::string_view kGetEnded = "SELECT bytes FROM ended WHERE gid = ?1";
inline constexpr std::string_view kDeleteEnded = "DELETE FROM ended WHERE gid = ?1";
inline constexpr std::string_view kInsertOrphan = "INSERT OR IGNORE INTO orphans VALUES(1, ?1)";
inline constexpr std::string_view kDeleteOrphan = "DELETE FROM orphans WHERE ns = 1 AND id = ?1";
inline constexpr std::string_view kGetRequest = "SELECT request FROM groups WHERE gid = ?1";
inline constexpr std::string_view kGetSize =
    "SELECT length(spec) + length(summary) + length(id) + length(name) FROM groups WHERE gid = ?1";
inline constexpr std::string_view kDeleteGroup = "DELETE FROM groups WHERE gid = ?1";
inline constexpr std::string_view kDeleteLabel =
    "DELETE FROM labels WHERE ns = 1 AND key = ?1 AND value = ?2 AND created = ?3 AND gid = ?4";
inline constexpr std::string_view kExpireRequest =
    "UPDATE requests SET expires = ?1 WHERE ns = 1 AND id = ?2";
// Of a group that is damaged: these two look at every row.
inline constexpr std::string_view kExpireRequestsOf =
    "UPDATE requests SET expires = ?1 WHERE ns = 1 AND group_id = ?2";
inline constexpr std::string_view kDeleteLabelsOf = "DELETE FROM labels WHERE gid = ?1";
inline constexpr std::string_view kInsertPurged = "INSERT OR REPLACE INTO purged VALUES(1, ?1, ?2)";
inline constexpr std::string_view kDeleteSnapshot = "DELETE FROM snapshots WHERE gid = ?1";
inline constexpr std::string_view kInsertGarbage = "INSERT OR IGNORE INTO garbage VALUES(?1)";
inline constexpr std::string_view kForgetRequests =
    "DELETE FROM requests WHERE ns = 1 AND id IN (SELECT id FROM requests WHERE expires <= ?1 LIMIT ?2)";
inline constexpr std::string_view kForgetPurged =
    "DELETE FROM purged WHERE ns = 1 AND id IN (SELECT id FROM purged WHERE expires <= ?1 LIMIT ?2)";
inline constexpr std::string_view kNextGarbage = "SELECT min(gid) FROM garbage";
// Reads the rows that kCollectGarbage deletes.
inline constexpr std::string_view kLookAtGarbage = "SELECT epoch FROM records WHERE gid = ?1 LIMIT ?2";
inline constexpr std::string_view kCollectGarbage =
    "DELETE FROM records WHERE seq IN (SELECT seq FROM records WHERE gid = ?1 LIMIT ?2)";
inline constexpr std::string_view kForgetMarks =
    "DELETE FROM marks WHERE gid = ?1 AND (kind, key) IN (SELECT kind, key FROM marks WHERE gid = ?1 LIMIT "
    "?2)";
inline constexpr std::string_view kForgetTasks =
    "DELETE FROM tasks WHERE gid = ?1 AND (late, first) IN (SELECT late, first FROM tasks WHERE gid = ?1 "
    "LIMIT ?2)";
inline constexpr std::string_view kFindGarbage = "SELECT 1 FROM garbage WHERE gid = ?1";
inline constexpr std::string_view kFindRow = "SELECT 1 FROM groups WHERE gid = ?1";
inline constexpr std::string_view kDeleteGarbage = "DELETE FROM garbage WHERE gid = ?1";

inline constexpr std::string_view kOldest =
    "SELECT ended.time, ended.gid, groups.id, groups.phase, ended.bytes FROM ended JOIN groups USING(gid) "
    "WHERE "
    "failed = ?1 AND (ended.time, ended.gid) > (?2, ?3) ORDER BY ended.time, ended.gid LIMIT ?4";
inline constexpr std::string_view kOrphans = "SELECT id FROM orphans WHERE ns = 1 ORDER BY id";

// Pools.
inline constexpr std::string_view kPutPool = "INSERT OR REPLACE INTO pools VALUES(1, ?1, ?2, ?3)";
inline constexpr std::string_view kRemovePool = "DELETE FROM pools WHERE ns = 1 AND name = ?1";

// Readers.
inline constexpr std::string_view kPools = "SELECT name, max, closing FROM pools WHERE ns = 1 ORDER BY name";
inline constexpr std::string_view kReadRecords =
    "SELECT first, last, data, data_sum FROM records WHERE gid = ?1 AND last >= ?2 ORDER BY last";
inline constexpr std::string_view kWatch =
    "SELECT seq, gid, first, last, data, data_sum FROM records WHERE seq > ?1 ORDER BY seq";
inline constexpr std::string_view kNextSeq = "SELECT seq FROM records WHERE seq > ?1 ORDER BY seq LIMIT 1";
inline constexpr std::string_view kLastSeq = "SELECT max(seq) FROM records";
inline constexpr std::string_view kGetSpec = "SELECT id, spec, spec_sum FROM groups WHERE gid = ?1";
inline constexpr std::string_view kGetSummary =
    "SELECT id, spec, spec_sum, head, summary, summary_sum FROM groups WHERE gid = ?1";
inline constexpr std::string_view kGetSnapshot =
    "SELECT number, data, data_sum FROM snapshots WHERE gid = ?1";
inline constexpr std::string_view kGetTasks =
    "SELECT first, data, data_sum FROM tasks WHERE gid = ?1 AND late = 0 AND first <= ?2 ORDER BY first DESC "
    "LIMIT 1";
inline constexpr std::string_view kGetLateTasks =
    "SELECT first, data, data_sum FROM tasks WHERE gid = ?1 AND late = 1 AND first >= ?2 AND first < ?3 "
    "ORDER BY first";
inline constexpr std::string_view kFindMark =
    "SELECT first, count, fingerprint FROM marks WHERE gid = ?1 AND kind = ?2 AND key = ?3";

// Listing: (created, gid) of candidates, newest first, from `created` >= ?1 to before (?2, ?3).
inline constexpr std::string_view kListAll =
    "SELECT created, gid FROM groups WHERE ns = 1 AND created >= ?1 AND (created, gid) < (?2, ?3) "
    "ORDER BY created DESC, gid DESC";
inline constexpr std::string_view kListPhase =
    "SELECT created, gid FROM groups WHERE ns = 1 AND created >= ?1 AND (created, gid) < (?2, ?3) AND phase "
    "= ?4 "
    "ORDER BY created DESC, gid DESC";
inline constexpr std::string_view kListLabel =
    "SELECT created, gid FROM labels WHERE ns = 1 AND created >= ?1 AND (created, gid) < (?2, ?3) AND key = "
    "?4 AND "
    "value = ?5 "
    "ORDER BY created DESC, gid DESC";
// Sorts what it finds: for few names only, which kManyNames tells.
inline constexpr std::string_view kListName =
    "SELECT created, gid FROM groups INDEXED BY groups_name WHERE ns = 1 AND created >= ?1 AND (created, "
    "gid) < (?2, "
    "?3) "
    "AND name >= ?4 AND name < ?5 ORDER BY created DESC, gid DESC";
inline constexpr std::string_view kListOneName =
    "SELECT created, gid FROM groups INDEXED BY groups_name WHERE ns = 1 AND name = ?4 AND created >= ?1 AND "
    "(created, gid) < (?2, ?3) ORDER BY created DESC, gid DESC";
// As kListName and kManyNames, of ids: the index that makes them unique.
inline constexpr std::string_view kListId =
    "SELECT created, gid FROM groups WHERE ns = 1 AND id >= ?4 AND id < ?5 AND +created >= ?1 AND "
    "(+created, +gid) < (?2, ?3) ORDER BY +created DESC, +gid DESC";
inline constexpr std::string_view kManyIds =
    "SELECT 1 FROM groups WHERE ns = 1 AND id >= ?1 AND id < ?2 LIMIT 1 OFFSET ?3";
// A row when more than ?3 names are in the range.
inline constexpr std::string_view kManyNames =
    "SELECT 1 FROM groups INDEXED BY groups_name WHERE ns = 1 AND name >= ?1 AND name < ?2 LIMIT 1 OFFSET ?3";

inline constexpr std::string_view kStatements[] = {
    kPutPool,        kRemovePool,    kSetMeta,       kGetMeta,        kFindGid,      kHead,
    kFindCommit,     kFindPurged,    kFindRequest,   kInsertGroup,    kUpdateGroup,  kInsertLabel,
    kInsertRequest,  kInsertRecords, kInsertOwner,   kGetRequest,     kDeleteGroup,  kDeleteLabel,
    kExpireRequest,  kInsertPurged,  kInsertGarbage, kForgetRequests, kForgetPurged, kNextGarbage,
    kCollectGarbage, kDeleteGarbage, kReadRecords,   kWatch,          kGetSpec,      kGetSummary,
    kListAll,        kListPhase,     kListLabel,     kListName,       kManyNames,    kPutSnapshot,
    kDeleteSnapshot, kGetSnapshot,   kLastSeq,       kPools,          kInsertEnded,  kRowSizes,
    kGetEnded,       kDeleteEnded,   kInsertOrphan,  kDeleteOrphan,   kOldest,       kOrphans,
    kListOneName,    kListId,        kManyIds,       kNextSeq,        kFindGarbage,  kFindRow,
    kLookAtGarbage,  kGetSize,       kPutMark,       kForgetMarks,    kFindMark,     kPutTasks,
    kForgetTasks,    kGetTasks,      kGetLateTasks};

}  // namespace covey::sql
