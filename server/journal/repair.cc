#include "server/journal/repair.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/base/plural.h"
#include "core/base/unique_fd.h"
#include "server/journal/data_lock.h"
#include "server/journal/harvest.h"
#include "server/journal/log_scan.h"
#include "server/journal/migrate.h"
#include "server/journal/new_directory.h"
#include "server/journal/read_connection.h"
#include "server/journal/rules.h"
#include "server/journal/sqlite_open.h"
#include "server/journal/write_connection.h"

namespace covey {
namespace {

namespace files = std::filesystem;

// A table that is taken by ranges of its integer key.
struct KeyedTable {
  std::string_view name;
  std::string_view key;
};
constexpr KeyedTable kKeyedTables[] = {{"groups", "gid"}, {"records", "seq"}, {"garbage", "gid"}};
// Those that have other keys; what they lose is remembered for a day, or made again.
constexpr std::string_view kOtherTables[] = {"labels", "requests", "purged", "orphans", "pools"};
constexpr std::string_view kSnapshotTables[] = {"marks", "tasks", "snapshots"};
// How large keys may be when the largest cannot be read.
constexpr int64_t kMostRows = int64_t{1} << 42;
// Ranges of one table that may turn out to be unreadable, each looked at in halves. What they hide is taken from
// its pages (Harvest).
constexpr int kPatience = 2'000;
constexpr PageLimit kRecordsAtOnce{.count = 2000};

bool IsDamage(const Error& error) { return error.code == ErrorCode::kDataLoss; }

// Nobody writes the directory meanwhile; it is looked at alone.
Result<UniqueFd> KeepOthersOut(const std::string& directory) {
  UniqueFd lock(::open((directory + "/lock").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!lock && errno == ENOENT) return lock;
  if (!lock) return DataDirectoryError(directory + "/lock", "open the lock file");
  if (::flock(lock.get(), LOCK_SH | LOCK_NB) == 0) return lock;
  return Error{.code = ErrorCode::kFailedPrecondition,
               .reason = "DATA_DIR_IN_USE",
               .message = "data directory " + directory + " is in use: stop its daemon first"};
}

// Takes rows out of a damaged database, which is attached to a sound one as "old": those that SQLite can reach,
// sound or not.
class Salvage {
 public:
  explicit Salvage(sqlite::Database& db) : db_(db) {}

  // Each statement is a transaction of its own: once one has met damage SQLite commits nothing that it is part of.
  // They are made to last at the end.
  Result<Void> Run() {
    if (!Try("PRAGMA main.synchronous = OFF")) return db_.last_error();
    if (Result<Void> taken = TakeAll(); !taken.ok()) return taken;
    if (!Try("PRAGMA main.synchronous = FULL")) return db_.last_error();
    return Void{};
  }
  std::vector<std::string>& lost() { return lost_; }

 private:
  Result<Void> TakeAll() {
    for (const KeyedTable& table : kKeyedTables) {
      patience_ = kPatience;
      const auto largest =
          db_.QueryInt("SELECT max(" + std::string(table.key) + ") FROM old." + std::string(table.name));
      if (Result<Void> taken = TakeRange(table, 0, largest.value_or(kMostRows)); !taken.ok()) return taken;
      Flush(table);
    }
    for (const std::string_view table : kOtherTables) {
      if (Try("INSERT OR IGNORE INTO main." + std::string(table) + " SELECT * FROM old." +
              std::string(table)))
        continue;
      if (!IsDamage(db_.last_error())) return db_.last_error();
      lost_.push_back("table " + std::string(table) +
                      " is damaged, and taken from what its pages still hold: " + db_.last_error().message);
    }
    if (Result<Void> taken = TakeSnapshots(); !taken.ok()) return taken;
    for (const char* key : {"identity", "epoch", "owner_of_all", "next_gid", "next_seq", "fence"}) {
      const std::string name(key);
      if (!Try("INSERT OR REPLACE INTO main.meta SELECT * FROM old.meta WHERE key = '" + name + "'") &&
          !IsDamage(db_.last_error())) {
        return db_.last_error();
      }
    }
    return Void{};
  }

  // All of it or nothing: a snapshot stands for what is looked up beside it, and the events tell the same.
  Result<Void> TakeSnapshots() {
    for (const std::string_view table : kSnapshotTables) {
      const std::string name(table);
      if (Try("INSERT OR IGNORE INTO main." + name + " SELECT * FROM old." + name)) continue;
      if (!IsDamage(db_.last_error())) return db_.last_error();
      lost_.push_back("table " + name + " is damaged: groups are read from their first event on");
      for (const std::string_view each : kSnapshotTables) {
        if (!Try("DELETE FROM main." + std::string(each))) return db_.last_error();
      }
      break;
    }
    return Void{};
  }

  bool Try(const std::string& sql) { return db_.Execute(sql); }

  // Halves what cannot be read until each row that can is there.
  Result<Void> TakeRange(const KeyedTable& table, int64_t first, int64_t last) {
    const std::string key(table.key);
    const std::string name(table.name);
    if (Try("INSERT OR IGNORE INTO main." + name + " SELECT * FROM old." + name + " WHERE " + key +
            " BETWEEN " + std::to_string(first) + " AND " + std::to_string(last))) {
      return Void{};
    }
    if (!IsDamage(db_.last_error())) return db_.last_error();
    if (first == last || --patience_ <= 0) {
      if (lost_ranges_++ == 0) lost_first_ = first;
      lost_last_ = last;
      return Void{};
    }
    const int64_t middle = first + (last - first) / 2;
    if (Result<Void> taken = TakeRange(table, first, middle); !taken.ok()) return taken;
    return TakeRange(table, middle + 1, last);
  }

  void Flush(const KeyedTable& table) {
    if (lost_ranges_ > 0) {
      lost_.push_back("table " + std::string(table.name) + " is damaged between rows " +
                      std::to_string(lost_first_) + " and " + std::to_string(lost_last_) +
                      ": what its pages still hold is taken from them");
    }
    lost_ranges_ = 0;
  }

  sqlite::Database& db_;
  std::vector<std::string> lost_;
  int patience_ = 0;
  int64_t lost_ranges_ = 0;
  int64_t lost_first_ = 0;
  int64_t lost_last_ = 0;
};

// What of one group cannot be told; empty: it is whole.
std::string DamageOf(ReadConnection& reader, const std::string& id) {
  const Result<GroupSummary> summary = reader.Find(id);
  if (!summary.ok()) return summary.error().message;
  uint64_t next = 1;
  for (;;) {
    const Result<std::vector<Record>> records = reader.Read(id, next, kRecordsAtOnce);
    if (!records.ok()) return records.error().message;
    if (records.value().empty()) break;  // fewer than asked for stand before what is damaged
    next += records.value().size();
  }
  const bool ends = !summary.value().state.completed || summary.value().last_number < next;
  return ends ? "" : "group " + id + ": events " + std::to_string(next) + " and after are lost";
}

Result<Void> Look(const SqliteFile& file, uint64_t identity, Harvested harvested, Repaired* repaired) {
  Result<sqlite::Database> db = OpenForReading(file);
  if (!db.ok()) return db.error();
  Result<std::unique_ptr<ReadConnection>> reader = ReadConnection::Open(file, identity);
  if (!reader.ok()) return reader.error();
  Result<sqlite::Statement> ids = db.value().Prepare("SELECT id FROM groups ORDER BY gid");
  if (!ids.ok()) return ids.error();
  while (ids.value().Next() == sqlite::Step::kRow) {
    const std::string id(ids.value().Bytes(0));
    std::string damage = DamageOf(*reader.value(), id);
    if (const auto known = harvested.lost.find(id); known != harvested.lost.end()) {
      if (damage.empty()) damage = std::move(known->second);
      harvested.lost.erase(known);
    }
    if (damage.empty()) {
      ++repaired->groups;
    } else {
      repaired->lost.push_back(std::move(damage));
    }
  }
  for (auto& [id, line] : harvested.lost) repaired->lost.push_back(std::move(line));
  const auto nobodys = db.value().QueryInt(
      "SELECT count(*) FROM records WHERE gid NOT IN (SELECT gid FROM groups UNION SELECT gid FROM garbage)");
  if (nobodys.value_or(0) > 0) {
    repaired->lost.push_back(
        Plural(static_cast<uint64_t>(*nobodys), "row of events belongs", "rows of events belong") +
        " to groups whose own row is lost");
  }
  return Void{};
}

// Brings the copy, which has no log any more, to the present version; `path`: what it is a copy of.
// kDataLoss: that cannot be done.
Result<Void> OpenDamaged(const std::string& copy, const std::string& path) {
  Result<sqlite::Database> db = sqlite::Database::Open(copy, {});
  if (!db.ok()) return db.error();
  const Result<int64_t> found = BringUpToDate(db.value(), path, journal::SystemNow());
  if (!found.ok()) {
    Error error = found.error();
    if (error.code == ErrorCode::kInternal) error.code = ErrorCode::kDataLoss;  // a schema that is none
    return error;
  }
  if (!db.value().Checkpoint() && !IsDamage(db.value().last_error())) return db.value().last_error();
  return Void{};
}

// The journal of `from`, copied into `work` first: even to read it may change it.
Result<Repaired> RepairJournal(const std::string& from, const std::string& work) {
  const std::string old = work + "/damaged.db";
  for (const char* suffix : {"", "-wal"}) {
    std::error_code failed;
    files::copy_file(from + "/journal.db" + suffix, old + suffix, failed);
    if (failed && (*suffix == '\0' || failed != std::errc::no_such_file_or_directory)) {
      errno = failed.value();
      return DataDirectoryError(from + "/journal.db" + suffix, "copy the file");
    }
  }
  const SqliteFile file{.path = work + "/journal.db"};
  if (Result<Void> made = MakePrivateFile(file.path); !made.ok()) return made.error();
  const Result<bool> folded = FoldLog(old);
  if (!folded.ok()) return folded.error();
  const Result<Void> opens = OpenDamaged(old, from + "/journal.db");
  if (!opens.ok() && !IsDamage(opens.error())) return opens.error();
  Repaired repaired;
  Harvested harvested;
  {
    Result<sqlite::Database> db = OpenForWriting(file);
    if (!db.ok()) return db.error();
    if (opens.ok()) {
      if (!db.value().Execute("ATTACH '" + old + "' AS old")) return db.value().last_error();
      Salvage salvage(db.value());
      if (Result<Void> done = salvage.Run(); !done.ok()) return done.error();
      repaired.lost = std::move(salvage.lost());
      if (!db.value().Execute("DETACH old")) return db.value().last_error();
    }
    if (folded.value()) {
      repaired.lost.push_back(
          "a commit in the write-ahead log is damaged: what it and later ones say is taken as far as it can "
          "be read");
    }
    Result<Harvested> taken = Harvest(db.value(), old);
    if (!taken.ok()) return taken.error();
    harvested = std::move(taken.value());
    if (!FillEnded(db.value()) || !PurgeLater(db.value(), journal::SystemNow()))
      return db.value().last_error();
    if (!opens.ok()) {
      if (db.value().QueryInt("SELECT count(*) FROM groups").value_or(0) == 0) return opens.error();
      repaired.lost.push_back("SQLite cannot open the file, each page is read alone: " +
                              opens.error().message);
    }
  }
  Result<std::unique_ptr<WriteConnection>> writer = WriteConnection::Open(file, [] { return WallTime(); });
  if (!writer.ok()) return writer.error();
  if (Result<Void> looked = Look(file, writer.value()->identity(), std::move(harvested), &repaired);
      !looked.ok()) {
    return looked.error();
  }
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::error_code failed;
    files::remove(old + suffix, failed);
  }
  return repaired;
}

void CopyOutput(const std::string& from, const std::string& to, Repaired* repaired) {
  std::error_code failed;
  if (!files::exists(from, failed)) return;
  const auto options = files::copy_options::recursive | files::copy_options::skip_symlinks;
  files::copy(from, to, options, failed);
  if (failed) repaired->lost.push_back("output: " + failed.message() + "; some of it is not there");
}

}  // namespace

Result<Repaired> RepairData(const std::string& from, const std::string& to) {
  Result<UniqueFd> lock = KeepOthersOut(from);
  if (!lock.ok()) return lock.error();
  Result<NewDirectory> made = NewDirectory::Make(to);
  if (!made.ok()) return made.error();
  Result<Repaired> repaired = RepairJournal(from, made.value().path());
  if (!repaired.ok()) return repaired;
  CopyOutput(from + "/output", made.value().path() + "/output", &repaired.value());
  if (Result<Void> kept = made.value().Keep(); !kept.ok()) return kept.error();
  return repaired;
}

}  // namespace covey
