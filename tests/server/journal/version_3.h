#pragma once

#include <string>

namespace covey {

// Takes `directory`/journal.db, which is closed, back to version 3 of the schema (57d95df): without what is known of groups
// that are over, and in pages without checksums. Its rows are what they were then.
void MakeVersion3(const std::string& directory);

}  // namespace covey
