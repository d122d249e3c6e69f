#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "covey/result.h"
#include "server/journal/sqlite.h"
#include "server/journal/sqlite_journal.h"

namespace covey {

// What the connections of one journal share. Constant.
struct SqliteFile {
  std::string path;
  std::string vfs;
  Durability durability = Durability::kFull;
  int64_t max_pages = 0;
  int checkpoint_pages = 1024;                       // as SqliteJournalOptions
  std::chrono::milliseconds scrub_every{10'000};     // as SqliteJournalOptions
  bool adopted = false;                              // it was a copy until now
  std::function<WallTime()> now;                     // empty: the system's
  std::function<void(const std::string& line)> log;  // or empty
  std::function<std::optional<Error>()> refusal;     // why nothing may be written at the moment; or empty
};

// The one connection that writes and checkpoints, set up and checked as SqliteJournalOptions says; makes the
// schema in a new file, and migrates that of an older version, which it says to `log`.
Result<sqlite::Database> OpenForWriting(const SqliteFile& file);
// A connection that reads.
Result<sqlite::Database> OpenForReading(const SqliteFile& file);

}  // namespace covey
