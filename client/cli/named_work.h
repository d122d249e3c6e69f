#pragma once

#include <string>

#include "covey/client/client.h"

namespace covey::cli {

// What a task runs, behind its name in a line: " (sh -c 'exit 3')". Empty when it has a name of its own: a number
// alone says nothing to who has typed none.
std::string WorkBehindName(const v1::Task& task);

// The same behind the names of the tasks that failed, which the daemon is asked for; without an answer they stay as they
// are.
void NameWork(client::Client& client, const std::string& group, v1::Failure* failure);

}  // namespace covey::cli
