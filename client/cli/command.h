#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/command_line.h"
#include "client/cli/session.h"

namespace covey::cli {

// One command of covey, and all that its help says.
struct Command {
  std::string_view name;
  std::string_view synopsis;  // what follows "covey NAME "
  std::string_view summary;   // one line, for the overview
  std::string_view details;   // paragraphs, broken into lines
  std::string_view examples;  // one a line
  std::string_view exits;     // exit codes, one a line
  std::vector<Option> options;
  int (*run)(Session& session, const Arguments& arguments);
};

// All commands in the order of the overview; `help` is not among them.
std::span<const Command> Commands();
const Command* FindCommand(std::string_view name);

// The options that stand before or behind every command.
std::span<const Option> GlobalOptions();

// "covey help" and "covey help NAME".
std::string OverviewHelp();
std::string CommandHelp(const Command& command);

// One file each.
Command RunCommand();
Command WaitCommand();
Command CancelCommand();
Command PsCommand();
Command ShowCommand();
Command EventsCommand();
Command LogsCommand();
Command InfoCommand();

}  // namespace covey::cli
