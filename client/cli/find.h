#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/cli/command_line.h"
#include "client/cli/session.h"
#include "client/cli/target.h"
#include "covey/client/client.h"
#include "covey/result.h"

namespace covey::cli {

// Finds groups by what people type for them, which is the first of these that there is: an id; @last or
// @last-failed; a name, of the newest group that has it; the beginning of one id alone. An id as the daemon makes
// them is taken as it is; for any other word it asks, at most three short questions.
//
// kNotFound, reason GROUP_NOT_FOUND; kInvalidArgument, reason AMBIGUOUS, with the groups that could be meant.
// `call` bounds each question.
Result<std::string> FindGroup(client::Client& client, const std::string& word,
                              const client::CallOptions& call = {});

// GROUP or GROUP/TASK with its group found. Names of groups may have '/': the shortest group that there is counts.
Result<Target> FindTarget(client::Client& client, const std::string& word);

// --all-named, of the commands that take several.
Option AllNamedOption();

// All that `words` name, in their order; with `all_named` a name stands for every group that has it, and each
// group comes once.
// What is not found is said, and its exit code left in `code` unless that has one.
std::vector<Target> FindTargets(Session& session, client::Client& client,
                                const std::vector<std::string>& words, bool all_named, int* code);

}  // namespace covey::cli
