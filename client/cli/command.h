#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/command_line.h"
#include "client/cli/session.h"

namespace covey::cli {

// What the words of a command name, so that a shell can complete them.
enum class Names {
  kNothing,
  kRunningGroup,
  kAnyGroup,
  kEndedGroup,
  kRunningTarget,  // GROUP or GROUP/TASK of a group that is not over
  kAnyTarget,
  kPool,
  kCommand,
  kShell,
};

// The words that a command takes besides its options.
struct Words {
  Names names = Names::kNothing;
  size_t least = 0;
  size_t most = 0;
  std::string_view what;  // for messages: "covey wait needs the id of a group"
};
inline constexpr size_t kAnyNumber = SIZE_MAX;

// One command of covey: what is parsed, and all that its help, its man page and its completion say.
struct Command {
  std::string_view name;      // one word, or two: "pools set"
  std::string_view synopsis;  // what follows "covey NAME "
  std::string_view summary;   // one line, for the overview
  std::string_view details;   // paragraphs, broken into lines; lines that begin with two spaces are literal
  std::string_view examples;  // one a line
  std::string_view exits;     // exit codes, one a line
  Words words;
  bool takes_program = false;  // words after "--" are a program with its arguments
  bool only_prints = false;    // does nothing that matters to others: ends when nobody reads what it prints
  std::vector<Option> options;
  int (*run)(Session& session, const Arguments& arguments) = nullptr;
};

// All commands in the order of the overview.
std::span<const Command> Commands();
const Command* FindCommand(std::string_view name);

// The command that `typed` begins with; takes its one or two words away. An error names what is unknown and
// the nearest command.
Result<const Command*> TakeCommand(std::vector<std::string>* typed);

// The options that stand before or behind every command.
std::span<const Option> GlobalOptions();
// Those of a command and the global ones, as ParseArguments takes them.
std::vector<Option> AllOptions(const Command& command);

// Parses what was typed behind the name of `command`, and counts its words unless --help is among them.
Result<Arguments> ParseCommand(const Command& command, std::span<const std::string> typed);

// --timeout D of the commands that wait: the option, and the call that it bounds.
Option TimeoutOption();
Result<client::CallOptions> ReadTimeout(const Arguments& arguments);
// The value of an option that is a duration; nullopt when it was not given.
Result<std::optional<std::chrono::nanoseconds>> ReadDuration(const Arguments& arguments,
                                                             std::string_view option);

// What each does is told in its file.
Command RunCommand();
Command CreateCommand();
Command SubmitCommand();
Command SealCommand();
Command WaitCommand();
Command CancelCommand();
Command DeleteCommand();
Command PsCommand();
Command ShowCommand();
Command TasksCommand();
Command ExplainCommand();
Command TopCommand();
Command EventsCommand();
Command LogsCommand();
Command PoolsCommand();
Command PoolsSetCommand();
Command PoolsCreateCommand();
Command PoolsCloseCommand();
Command InfoCommand();
Command HealthCommand();
Command DoctorCommand();
Command DrainCommand();
Command PruneCommand();
Command UndrainCommand();
Command ReloadCommand();
Command BackupCommand();
Command CompletionCommand();
Command HelpCommand();

}  // namespace covey::cli
