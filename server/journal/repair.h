#pragma once

#include <string>
#include <vector>

#include "covey/result.h"

namespace covey {

// What became of a damaged data directory.
struct Repaired {
  size_t groups = 0;              // that are whole
  std::vector<std::string> lost;  // what is not, a line each: of a group, or of what belongs to none
};

// Makes the data directory `to`, which is not there or empty, of what can be read in `from`, which no daemon may
// use, and which stays as it is. Every row of the journal that SQLite can still reach is taken, and every row
// that lies on a page of the file and that its checksum proves, in a file whose own pages are sound. A group that is
// not whole is told, and read there as far as it goes. Output is copied. Like a restored backup `to` is a copy until somebody adopts it.
//
// kDataLoss: so little can be read that there is nothing to make a journal of.
Result<Repaired> RepairData(const std::string& from, const std::string& to);

}  // namespace covey
