#pragma once

#include <string>

namespace covey {

// What coveyd does with a data directory that no daemon uses. Each says on standard output what it did, or on
// standard error why not, and returns the exit code: 0, 65 (what it was given is damaged) or 73.

// --restore: makes the data directory of a backup.
int Restore(const std::string& backup, const std::string& data_dir);
// --repair: saves what can be read into a new data directory.
int Repair(const std::string& data_dir, const std::string& to);

}  // namespace covey
