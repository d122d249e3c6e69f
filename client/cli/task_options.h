#pragma once

#include <memory>
#include <vector>

#include "client/cli/command.h"
#include "client/cli/task_source.h"

namespace covey::cli {

// The options that say what tasks do: where they come from, and what is given to processes that do not say it
// themselves. For the commands that take a program behind "--" or a file of tasks.
std::vector<Option> TaskOptions();

// The tasks of a command line.
struct Tasks {
  std::unique_ptr<TaskSource> source;
  bool single = false;       // one program, and no more than that
  bool reads_input = false;  // standard input is read
};

// The tasks that `arguments` of "covey NAME" name.
Result<Tasks> OpenTasks(Session& session, std::string_view name, const Arguments& arguments);

}  // namespace covey::cli
