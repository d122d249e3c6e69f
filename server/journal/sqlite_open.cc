#include "server/journal/sqlite_open.h"

#include <utility>

#include "server/journal/migrate.h"
#include "server/journal/rules.h"
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
  // A new file can give room back; one that was made without that stays so until it is made anew.
  if (db.QueryInt("PRAGMA page_count") == 0 && !db.Execute("PRAGMA auto_vacuum = INCREMENTAL"))
    return Explain(file.path, db);
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

// What was made by an earlier version is written anew, once: its pages get checksums, and it can give room back. That
// takes as much room as it has.
bool Rewrite(sqlite::Database& db) {
  return db.SumPages() && db.Execute("PRAGMA auto_vacuum = INCREMENTAL") && db.Execute("VACUUM") &&
         db.Execute("PRAGMA wal_checkpoint(TRUNCATE)");
}

void Log(const SqliteFile& file, const std::string& line) {
  if (file.log) file.log(file.path + ": " + line);
}

Result<sqlite::Database> Open(const SqliteFile& file) {
  Result<sqlite::Database> opened = sqlite::Database::Open(file.path, {.vfs = file.vfs});
  if (!opened.ok()) return opened;
  sqlite::Database& db = opened.value();
  db.OnDamage([file](const std::string& line) { Log(file, line); });
  const auto pages = db.QueryInt("PRAGMA page_count");
  if (!pages || (*pages == 0 && !db.SumPages())) return Explain(file.path, db);
  if (Result<Void> durable = SetDurability(db, file); !durable.ok()) return durable.error();
  Result<int64_t> found = BringUpToDate(db, file.path, file.now ? file.now() : journal::SystemNow());
  if (!found.ok()) return found.error();
  if (found.value() != 0 && found.value() != sql::kSchemaVersion) {
    Log(file, "the journal was migrated from version " + std::to_string(found.value()) + " to version " +
                  std::to_string(sql::kSchemaVersion));
  }
  // What was restored to be looked at does not go at once because it is old.
  if (file.adopted && !PurgeLater(db, file.now ? file.now() : journal::SystemNow()))
    return Explain(file.path, db);
  return opened;
}

}  // namespace

Result<sqlite::Database> OpenForWriting(const SqliteFile& file) {
  Result<sqlite::Database> opened = Open(file);
  if (!opened.ok()) return opened;
  const bool may_write = file.max_pages == 0 && !(file.refusal && file.refusal());
  if (may_write && !opened.value().IsSummed() && !Rewrite(opened.value())) {
    Log(file,
        "its pages have no checksums: it could not be written anew, which is tried again at the next "
        "start: " +
            opened.value().last_error().message);
    opened = Open(file);  // as it was
    if (!opened.ok()) return opened;
  }
  sqlite::Database& db = opened.value();
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
  db.OnDamage([file](const std::string& line) { Log(file, line); });
  if (!db.Execute("PRAGMA cache_size = -8192") || !db.Execute("PRAGMA temp_store = MEMORY")) {
    return Explain(file.path, db);
  }
  return opened;
}

}  // namespace covey
