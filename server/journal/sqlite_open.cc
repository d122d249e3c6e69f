#include "server/journal/sqlite_open.h"

#include <random>
#include <utility>

#include "server/journal/sql.h"

namespace covey {
namespace {

// What stays of the write-ahead log's file when all of it is in the database.
constexpr int64_t kMaxIdleLog = int64_t{64} << 20;

Error Refuse(std::string reason, std::string message) {
  return {.code = ErrorCode::kFailedPrecondition, .reason = std::move(reason), .message = std::move(message)};
}

Error Explain(const std::string& path, const sqlite::Database& db) {
  Error error = db.last_error();
  error.message = path + ": " + error.message;
  return error;
}

Error NotAJournal(const std::string& path) {
  return {
      .code = ErrorCode::kInternal, .reason = "JOURNAL_CORRUPT", .message = path + " is not a covey journal"};
}

uint64_t RandomIdentity() {
  std::random_device device;
  return static_cast<uint64_t>(device()) << 32 | device();
}

bool MakeSchema(sqlite::Database& db) {
  const auto identity = std::to_string(static_cast<int64_t>(RandomIdentity()));
  return db.Execute("BEGIN IMMEDIATE") && db.Execute(std::string(sql::kSchema)) &&
         db.Execute("INSERT INTO meta VALUES('identity', " + identity +
                    "), ('epoch', 0), ('owner_of_all', 0), ('next_gid', 1), ('next_seq', 1), ('fence', 0)") &&
         db.Execute("PRAGMA application_id = " + std::to_string(sql::kApplicationId)) &&
         db.Execute("PRAGMA user_version = " + std::to_string(sql::kSchemaVersion)) && db.Execute("COMMIT");
}

Result<Void> CheckSchema(sqlite::Database& db, const std::string& path) {
  const auto tables = db.QueryInt("SELECT count(*) FROM sqlite_schema");
  const auto application = db.QueryInt("PRAGMA application_id");
  const auto version = db.QueryInt("PRAGMA user_version");
  if (!tables || !application || !version) return Explain(path, db);
  if (*tables == 0 && *application == 0 && *version == 0) {
    if (!MakeSchema(db)) return Explain(path, db);
    return Void{};
  }
  if (*application != sql::kApplicationId) return NotAJournal(path);
  if (*version > sql::kSchemaVersion) {
    return Refuse("JOURNAL_TOO_NEW", path + " was written by a newer covey (schema " +
                                         std::to_string(*version) + "; this one knows up to " +
                                         std::to_string(sql::kSchemaVersion) + ")");
  }
  for (int64_t from = *version; from >= 1 && from < sql::kSchemaVersion; ++from) {
    const std::string migration(sql::kMigrations[from - 1]);
    if (!db.Execute("BEGIN IMMEDIATE") || !db.Execute(migration) ||
        !db.Execute("PRAGMA user_version = " + std::to_string(from + 1)) || !db.Execute("COMMIT")) {
      return Explain(path, db);
    }
  }
  if (*version < 1 || !db.QueryInt("SELECT value FROM meta WHERE key = 'identity'")) return NotAJournal(path);
  return Void{};
}

Result<Void> SetDurability(sqlite::Database& db, const SqliteFile& file) {
  const auto mode = db.QueryText("PRAGMA journal_mode = WAL");
  if (!mode) return Explain(file.path, db);
  if (file.durability == Durability::kNone) {
    if (!db.Execute("PRAGMA synchronous = OFF")) return Explain(file.path, db);
    return Void{};
  }
  constexpr int kFullSync = 2;
  const bool set = db.Execute("PRAGMA synchronous = FULL");
  if (*mode != "wal" || !set || db.QueryInt("PRAGMA synchronous") != kFullSync) {
    return Refuse("JOURNAL_NOT_DURABLE", file.path +
                                             ": the file system lets SQLite keep no write-ahead log (journal "
                                             "mode \"" +
                                             *mode +
                                             "\"), so what is acknowledged might be lost; "
                                             "durability none accepts that");
  }
  return Void{};
}

}  // namespace

Result<sqlite::Database> OpenForWriting(const SqliteFile& file) {
  Result<sqlite::Database> opened = sqlite::Database::Open(file.path, {.vfs = file.vfs});
  if (!opened.ok()) return opened;
  sqlite::Database& db = opened.value();
  if (Result<Void> durable = SetDurability(db, file); !durable.ok()) return durable.error();
  if (Result<Void> schema = CheckSchema(db, file.path); !schema.ok()) return schema.error();
  bool set = db.Execute("PRAGMA journal_size_limit = " + std::to_string(kMaxIdleLog)) &&
             db.Execute("PRAGMA cache_size = -16384");
  if (file.max_pages > 0)
    set = set && db.Execute("PRAGMA max_page_count = " + std::to_string(file.max_pages));
  if (!set) return Explain(file.path, db);
  return opened;
}

Result<sqlite::Database> OpenForReading(const SqliteFile& file) {
  Result<sqlite::Database> opened = sqlite::Database::Open(file.path, {.read_only = true, .vfs = file.vfs});
  if (!opened.ok()) return opened;
  sqlite::Database& db = opened.value();
  if (!db.Execute("PRAGMA cache_size = -8192") || !db.Execute("PRAGMA temp_store = MEMORY")) {
    return Explain(file.path, db);
  }
  return opened;
}

}  // namespace covey
