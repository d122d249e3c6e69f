#pragma once

#include <cstdint>
#include <string>

#include "core/spec/wall_time.h"
#include "covey/result.h"
#include "server/journal/sqlite.h"

namespace covey {

// Makes the schema in a new file, or brings that of an older version up to date, in one transaction: whatever
// interrupts it, the file is of the old version or of the new one. Answers the version that it found; 0: a
// new file.
//
// From `now` on nothing is purged without being asked for, for 7 days, of what a version has kept that purged
// nothing.
//
// Errors: JOURNAL_TOO_NEW names the version found and the newest known one; JOURNAL_CORRUPT when it is no
// journal.
Result<int64_t> BringUpToDate(sqlite::Database& db, const std::string& path, WallTime now);
// The same of any journal that is there.
bool PurgeLater(sqlite::Database& db, WallTime now);
// Tells in `ended` of the groups that are over and are not in it. False: it failed.
bool FillEnded(sqlite::Database& db);

}  // namespace covey
