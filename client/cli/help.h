#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/command.h"

namespace covey::cli {

// What `covey help` and `covey help NAME` print.
std::string OverviewHelp();
std::string CommandHelp(const Command& command);

// What people want to do, and the commands for it; every command is in one of these.
struct Topic {
  std::string_view heading;
  std::vector<std::string_view> commands;
  std::string_view examples;  // one a line
};
std::span<const Topic> Topics();

// How groups and times are typed, for every command; paragraphs, broken into lines.
std::string_view TypedHelp();

// The words of the overview that the man page has as well.
std::string_view EnvironmentHelp();  // "NAME  what it does", what goes on being indented
std::string_view ExitCodesHelp();    // "CODE  when", one a line, then a paragraph

}  // namespace covey::cli
