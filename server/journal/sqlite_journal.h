#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/journal/journal.h"
#include "core/journal/journal_counts.h"
#include "covey/result.h"
#include "server/journal/data_directory.h"

namespace covey {

enum class Durability : uint8_t {
  kFull,  // an acknowledged append survives a power cut
  kNone,  // it survives the end of the process, not that of the machine
};

struct SqliteJournalOptions {
  // Data directory; made when it is not there. Locked as long as the journal is open: a second journal on it,
  // of any process, is refused.
  std::string directory;
  // The same, when the caller has opened it already; null: opened here, and made one's own if it is a copy.
  std::shared_ptr<DataDirectory> data;
  Durability durability = Durability::kFull;
  // Reads at once, each on a thread and a connection of its own; 1..16.
  int readers = 2;
  // Bounds of one commit. An append that is larger by itself is committed alone.
  size_t max_commit_appends = 4096;
  size_t max_commit_bytes = size_t{8} << 20;
  // How long purged ids are remembered is told by this clock; empty: the system's.
  std::function<WallTime()> now;
  // Told what people should know of the opening, a line each: that the journal was migrated. May be empty.
  std::function<void(const std::string& line)> log;
  // Told when a write fails, before it is answered, and why; nullptr when one succeeds again. From the thread
  // that writes. May be empty.
  std::function<void(const Error* why)> on_trouble;
  // Told of commits that took longer than `slow`, from the first of their appends on. On the thread that writes; may
  // be empty.
  std::function<void(std::chrono::nanoseconds took, size_t appends)> on_slow;
  std::chrono::nanoseconds slow = std::chrono::seconds(1);
  std::shared_ptr<JournalCounts> counts;  // gets what is written; may be null
  // For tests: name of a registered SQLite VFS, and PRAGMA max_page_count; empty and 0: the default.
  std::string vfs;
  int64_t max_pages = 0;
  // Pages of the write-ahead log that are moved into the database together (4 MiB); with 16 times as many the
  // log begins anew, and reads wait for that. What was purged leaves the log no later than so long after it.
  int checkpoint_pages = 1024;
  std::chrono::milliseconds scrub_every{10'000};
};

// Opens the journal in `directory`/journal.db, or makes it; one of an earlier version is migrated first,
// once. It and its log are made readable by their owner alone, whatever they were.
//
// Errors say what is wrong with the directory or the file: it is in use (kFailedPrecondition,
// DATA_DIR_IN_USE), made by a newer version (JOURNAL_TOO_NEW), not a journal or damaged (JOURNAL_CORRUPT), or
// on a file system where SQLite cannot keep what it acknowledges (JOURNAL_NOT_DURABLE).
//
// While DataDirectory::Refusal has a reason every write is refused with it, and reads go on.
Result<std::unique_ptr<Journal>> OpenSqliteJournal(SqliteJournalOptions options);

}  // namespace covey
