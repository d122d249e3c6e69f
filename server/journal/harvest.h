#pragma once

#include <map>
#include <string>

#include "covey/result.h"
#include "server/journal/sqlite.h"

namespace covey {

// What the pages of a damaged file were good for.
struct Harvested {
  // What is lost for certain of a group, by its id or "number N": an index names it, and nothing holds it.
  std::map<std::string, std::string> lost;
};

// Adds to the journal `db` what it lacks and the pages of the damaged file hold (WalkPages), where a checksum
// proves it: rows of events, snapshots, and of groups, which are made again of their events when their own
// row is gone or damaged. What has no checksum is added where nothing is in its place. In one transaction.
Result<Harvested> Harvest(sqlite::Database& db, const std::string& damaged);

}  // namespace covey
