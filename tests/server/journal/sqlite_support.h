#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <memory>
#include <string>
#include <utility>

#include "server/journal/sqlite_journal.h"
#include "server/journal/summed_vfs.h"
#include "tests/server/journal/support.h"

namespace covey {

// As sqlite3_open, by somebody who writes pages as the journal does, with their checksums.
inline int OpenSummed(const std::string& path, sqlite3** db) {
  return sqlite3_open_v2(path.c_str(), db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                         summed_vfs::Above("").c_str());
}

// A journal on a directory, its owner, and plain calls to it.
struct OpenJournal {
  explicit OpenJournal(SqliteJournalOptions options) {
    Result<std::unique_ptr<Journal>> opened = OpenSqliteJournal(std::move(options));
    if (!opened.ok()) {
      ADD_FAILURE() << opened.error().message;
      std::abort();
    }
    journal = std::move(opened.value());
    client = std::make_unique<Client>(*journal);
    epoch = client->Acquire();
  }

  std::unique_ptr<Journal> journal;
  std::unique_ptr<Client> client;
  uint64_t epoch = 0;
};

}  // namespace covey
