#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/config_file.h"
#include "server/config/settings.h"

namespace covey {

// What the command line asks for.
struct CommandLine {
  enum class Action {
    kRun,
    kHelp,
    kManual,
    kVersion,
    kCheckConfig,
    kPrintConfig,
    kRestore,
    kRepair,
    kDoctor
  };

  struct Flag {
    const Setting* setting;
    std::string value;
  };

  Action action = Action::kRun;
  std::string config_file;  // absolute; empty: none
  std::string operand;  // the backup of kRestore, the new directory of kRepair, "json" or nothing of kDoctor
  bool adopt = false;   // a data directory that is a copy is made the daemon's own
  std::vector<Flag> flags;  // each with a good value, in the order given
};

// Parses and checks. An error is one line that names the flag, the value and what would be right.
struct ParsedCommandLine {
  std::optional<CommandLine> command_line;
  std::string error;
};
ParsedCommandLine ParseCommandLine(const std::vector<std::string>& arguments);

// The text of --help.
std::string HelpText();

// coveyd(8), in the language of manual pages (groff_man(7)).
std::string ManPage(std::string_view version);

// The configuration in force.
struct LoadedConfig {
  Config config;
  // Where each key has its value from: "FILE:LINE", "--FLAG". Those that are not there have their default.
  std::map<std::string, std::string> sources;
};

// A configuration, or what is wrong with it.
struct ConfigResult {
  std::optional<LoadedConfig> loaded;
  std::vector<ConfigProblem> problems;
};

// Reads the file, applies the flags on top of it and fills in what neither says. The file is read anew by
// each call. Blocks.
ConfigResult LoadConfig(const CommandLine& command_line);

// The same of a file that was read: `text` is ignored without one.
ConfigResult MakeConfig(const CommandLine& command_line, std::string_view text);

// A configuration file that says the same, with the source of each value.
std::string PrintConfig(const LoadedConfig& loaded);

}  // namespace covey
