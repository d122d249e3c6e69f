#pragma once

#include <cstdint>
#include <string>

#include "covey/result.h"
#include "server/journal/sqlite.h"

namespace covey {

// Makes the schema in a new file, or brings that of an older version up to date, in one transaction: whatever
// interrupts it, the file is of the old version or of the new one. Answers the version that it found; 0: a
// new file.
//
// Errors: JOURNAL_TOO_NEW names the version found and the newest known one; JOURNAL_CORRUPT when it is no
// journal.
Result<int64_t> BringUpToDate(sqlite::Database& db, const std::string& path);

}  // namespace covey
