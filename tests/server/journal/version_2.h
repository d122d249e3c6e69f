#pragma once

#include <string>

namespace covey {

// Makes `directory`/journal.db as version 2 of the schema had it (39252c8): groups g0 … g9, each with a
// request "r<i>", labels {"k": "v<i>"} and 601 events in two rows; g0 … g4 are over. "gone" is purged with 5
// rows of garbage, its request "r-gone" and its id remembered for ever; pool "p" of 3; g9 has an owner of its
// own.
void MakeVersion2(const std::string& directory);

}  // namespace covey
