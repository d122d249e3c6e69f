#include "client/cli/command.h"

#include <algorithm>
#include <array>

#include "client/cli/text.h"

namespace covey::cli {
namespace {

constexpr std::string_view kEnvironment =
    "Environment:\n"
    "  COVEY_ADDRESS  where the daemon listens, as for --address. Default: the socket\n"
    "                 /run/covey/coveyd.sock for root, $XDG_RUNTIME_DIR/covey/coveyd.sock\n"
    "                 for others.\n"
    "  NO_COLOR       no colours, whatever its value.\n";

constexpr std::string_view kExits =
    "Exit codes:\n"
    "  0        done; run and wait: the group succeeded\n"
    "  1        failed without a code of its own\n"
    "  64       bad usage, or a request that the daemon refused as invalid\n"
    "  69       the daemon is out of reach, was lost or takes no groups\n"
    "  124      a timeout passed\n"
    "  130, 143 ended by Ctrl-C, by SIGTERM\n"
    "  141      nobody reads standard output any more\n"
    "  run and wait otherwise exit as the first task that failed: with its exit code (126:\n"
    "  cannot be executed, 127: not found), or 128 plus the signal that ended it.\n";

std::string Indent(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    out += "  " + std::string(text.substr(0, end)) + "\n";
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string OptionsHelp(std::span<const Option> options) {
  constexpr size_t kColumn = 24;
  std::string out;
  for (const Option& option : options) {
    std::string left = option.letter == 0 ? "      --" : std::string("  -") + option.letter + ", --";
    left += option.name;
    if (!option.value.empty()) left += " " + std::string(option.value);
    std::string_view help = option.help;
    if (left.size() + 2 > kColumn) {
      out += left + "\n";
      left.clear();
    }
    while (!help.empty()) {
      const size_t end = std::min(help.find('\n'), help.size());
      left.resize(kColumn, ' ');
      out += left + std::string(help.substr(0, end)) + "\n";
      left.clear();
      help.remove_prefix(std::min(end + 1, help.size()));
    }
  }
  return out;
}

}  // namespace

std::span<const Command> Commands() {
  static const std::array<Command, 8> commands = {RunCommand(),  WaitCommand(), CancelCommand(),
                                                  PsCommand(),   ShowCommand(), EventsCommand(),
                                                  LogsCommand(), InfoCommand()};
  return commands;
}

const Command* FindCommand(std::string_view name) {
  for (const Command& command : Commands()) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

std::span<const Option> GlobalOptions() {
  static const std::array<Option, 3> options = {{
      {.name = "address", .value = "A", .help = "the daemon: unix:PATH or HOST:PORT (port 7425 if left out)"},
      {.name = "output",
       .value = "FORMAT",
       .help = "text (default) or json: Protobuf JSON, one object a line;\nerrors are one object on standard "
               "error"},
      {.name = "help", .letter = 'h', .help = "this help"},
  }};
  return options;
}

std::string OverviewHelp() {
  std::string out =
      "covey runs groups of tasks that start together, fail together and are waited for together.\n\n"
      "Usage: covey [--address A] [--output text|json] COMMAND [ARGUMENTS]\n\n"
      "Commands:\n";
  for (const Command& command : Commands()) {
    std::string left = "  " + std::string(command.name);
    left.resize(11, ' ');
    out += left + std::string(command.summary) + "\n";
  }
  out += "  help     says more about a command: covey help run\n\nOptions:\n" + OptionsHelp(GlobalOptions()) +
         "      --version         the version of covey\n\n";
  return out + std::string(kEnvironment) + "\n" + std::string(kExits);
}

std::string CommandHelp(const Command& command) {
  std::string out = "Usage: covey " + std::string(command.name) + " " + std::string(command.synopsis) +
                    "\n\n" + std::string(command.details) + "\n";
  if (!command.options.empty()) out += "\nOptions:\n" + OptionsHelp(command.options);
  out += "\nOptions of every command:\n" + OptionsHelp(GlobalOptions());
  out += "\nExamples:\n" + Indent(command.examples);
  return out + "\nExit codes:\n" + Indent(command.exits);
}

}  // namespace covey::cli
