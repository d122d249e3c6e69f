#pragma once

#include <memory>
#include <vector>

#include "client/cli/command.h"
#include "client/cli/task_source.h"

namespace covey::cli {

// The options that say what tasks do: --file, and what is given to processes that do not say it themselves.
// For the commands that take a program behind "--" or a file of tasks.
std::vector<Option> TaskOptions();

// The tasks that `arguments` of "covey NAME" name.
Result<std::unique_ptr<TaskSource>> OpenTasks(const Session& session, std::string_view name,
                                              const Arguments& arguments);

}  // namespace covey::cli
