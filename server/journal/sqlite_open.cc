#include "server/journal/sqlite_open.h"

#include <utility>

#include "server/journal/migrate.h"
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
  Result<int64_t> found = BringUpToDate(db, file.path);
  if (!found.ok()) return found.error();
  if (found.value() != 0 && found.value() != sql::kSchemaVersion && file.log) {
    file.log(file.path + ": the journal was migrated from version " + std::to_string(found.value()) +
             " to version " + std::to_string(sql::kSchemaVersion));
  }
  bool set = db.Execute("PRAGMA journal_size_limit = " + std::to_string(kMaxIdleLog)) &&
             db.Execute("PRAGMA cache_size = -16384") && db.Execute("PRAGMA secure_delete = ON");
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
