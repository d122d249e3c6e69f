#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "covey/result.h"

namespace covey {

// What a write-ahead log holds, looked at frame by frame. SQLite takes a log up to the first frame whose checksum does
// not match, as a power cut may have torn it, and says nothing of what follows; so a flipped bit would undo commits that
// were acknowledged.
struct ScannedLog {
  // Commits are behind what SQLite would take, and were not torn: a commit begins only when the one before lasts, so the
  // frames of a later one prove it; and so does a frame that one flipped bit explains. Several flips in the very last
  // commit look like a torn one.
  bool is_damaged = false;
  size_t page_size = 0;
  // The newest of each page in a commit, also behind damage, and how many pages there are; 0: as many as before.
  std::map<uint32_t, std::string_view> pages;
  uint32_t page_count = 0;
};

// The views are of `log`.
ScannedLog ScanLog(std::string_view log);

// kDataLoss when the log of the database at `path` is damaged; none is fine.
Result<Void> CheckLog(const std::string& path);
// Moves all of the log that can be read into the database, as far as single pages go, and removes it. True: some of it
// could not be read.
Result<bool> FoldLog(const std::string& path);

}  // namespace covey
