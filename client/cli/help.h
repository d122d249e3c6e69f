#pragma once

#include <string>
#include <string_view>

#include "client/cli/command.h"

namespace covey::cli {

// What `covey help` and `covey help NAME` print.
std::string OverviewHelp();
std::string CommandHelp(const Command& command);

// The words of the overview that the man page has as well.
std::string_view EnvironmentHelp();  // "NAME  what it does", what goes on being indented
std::string_view ExitCodesHelp();    // "CODE  when", one a line, then a paragraph

}  // namespace covey::cli
