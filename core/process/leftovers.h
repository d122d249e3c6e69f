#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace covey {

// What to look for: what earlier runs of this program have left on this machine, outside of cgroups.
struct LeftoverSearch {
  std::string token_prefix;  // the text of an Owner and ':' follow in the tokens of its processes
  std::string token_variable;
  std::string record;  // of their roots; see RootRecord. Empty: none
  std::function<void(std::string_view)> log;
};

// Kills what is left of runs whose Owner is known to be dead, in this pid namespace, and waits up to ten seconds
// until it is gone. Returns how many.
//
// Known by its token, by the session of one that has the token, or by that of a root in the record. What may be
// left, but shows none of these, is reported and lives: so does what has the token of an owner in another pid
// namespace. What belongs to a living owner is left alone without a word: it has the same data directory, or a
// copy of it.
size_t KillLeftovers(const LeftoverSearch& search);

}  // namespace covey
