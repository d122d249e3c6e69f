#pragma once

#include <string>
#include <vector>

#include "client/cli/session.h"

namespace covey::cli {

// One word that could be typed next.
struct Candidate {
  std::string word;
  std::string description;  // one line, or empty
};

// What a shell itself completes.
enum class Otherwise { kNothing, kFiles, kDirectories, kPrograms };

// What could stand for the last word of a command line.
struct Completion {
  std::vector<Candidate> candidates;
  Otherwise otherwise = Otherwise::kNothing;
};

// Completes the last of `words`, which were typed behind "covey". Groups, tasks and pools are asked of the
// daemon; when it does not answer soon there are none.
Completion Complete(Session& session, std::vector<std::string> words);

// Scripts for the shells: they call `covey completion words` for each word.
std::string_view BashCompletion();
std::string_view ZshCompletion();
std::string_view FishCompletion();

}  // namespace covey::cli
