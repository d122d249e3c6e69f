#include "client/cli/command.h"

#include <algorithm>
#include <array>

#include "client/cli/other_words.h"
#include "client/cli/text.h"
#include "core/base/duration.h"
#include "core/text/nearest.h"

namespace covey::cli {

std::span<const Command> Commands() {
  static const std::array commands = {
      RunCommand(),      CreateCommand(),      SubmitCommand(),     SealCommand(),    WaitCommand(),
      CancelCommand(),   DeleteCommand(),      PsCommand(),         ShowCommand(),    TasksCommand(),
      ExplainCommand(),  EventsCommand(),      LogsCommand(),       TopCommand(),     PoolsCommand(),
      PoolsSetCommand(), PoolsCreateCommand(), PoolsCloseCommand(), InfoCommand(),    HealthCommand(),
      DoctorCommand(),   PruneCommand(),       DrainCommand(),      UndrainCommand(), ReloadCommand(),
      BackupCommand(),   CompletionCommand(),  HelpCommand()};
  return commands;
}

const Command* FindCommand(std::string_view name) {
  for (const Command& command : Commands()) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

Result<const Command*> TakeCommand(std::vector<std::string>* typed) {
  const std::string first = typed->empty() ? "" : typed->front();
  const std::string prefix = first + " ";
  const bool has_parts = std::any_of(Commands().begin(), Commands().end(), [&](const Command& command) {
    return command.name.starts_with(prefix);
  });
  const bool second_is_word = typed->size() > 1 && !(*typed)[1].starts_with('-');
  const bool two = has_parts && second_is_word;
  const std::string name = two ? prefix + (*typed)[1] : first;
  if (const Command* command = FindCommand(name); command != nullptr) {
    typed->erase(typed->begin(), typed->begin() + (two ? 2 : 1));
    return command;
  }
  std::vector<std::string_view> names;
  for (const Command& command : Commands()) names.push_back(command.name);
  const std::string_view ours = OurCommand(name);
  const std::string_view near = ours.empty() ? Nearest(name, names) : ours;
  return UsageError("unknown command " + Printable(name) +
                    (near.empty() ? "; see covey help" : "; did you mean " + std::string(near) + "?"));
}

std::span<const Option> GlobalOptions() {
  static const std::array<Option, 3> options = {{
      {.name = "address",
       .value = "A",
       .help = "the daemon: unix:PATH or HOST:PORT (port 7425 if left out)",
       .local = true},
      {.name = "output",
       .letter = 'o',
       .value = "FORMAT",
       .choices = "text json",
       .help = "text (default) or json: Protobuf JSON, one object a line;\nerrors are one object on standard "
               "error"},
      {.name = "help", .letter = 'h', .help = "this help"},
  }};
  return options;
}

std::vector<Option> AllOptions(const Command& command) {
  std::vector<Option> options = command.options;
  for (const Option& global : GlobalOptions()) {
    // A command may have one of them with more values.
    const bool own = std::any_of(command.options.begin(), command.options.end(),
                                 [&global](const Option& option) { return option.name == global.name; });
    if (!own) options.push_back(global);
  }
  return options;
}

Result<Arguments> ParseCommand(const Command& command, std::span<const std::string> typed) {
  const std::string program = "covey " + std::string(command.name);
  Result<Arguments> parsed = ParseArguments(program, AllOptions(command), typed, false);
  if (!parsed.ok() || parsed.value().Has("help")) return parsed;
  const std::vector<std::string>& words = parsed.value().words();
  const size_t count = command.takes_program ? parsed.value().words_before_dashes() : words.size();
  const Words& wanted = command.words;
  if (count < wanted.least) return UsageError(program + " needs " + std::string(wanted.what));
  if (count <= wanted.most) return parsed;
  if (wanted.most == 0 && command.takes_program) {
    return UsageError(program + " takes a program after --, as in: " + program + " -- " +
                      Printable(words[0]));
  }
  const std::string what = wanted.most == 0 ? "no argument" : std::string(wanted.what) + " and no more";
  return UsageError(program + " takes " + what + ", got " + Printable(words[wanted.most]));
}

Option TimeoutOption() {
  return {.name = "timeout", .value = "D", .help = "wait no longer than this, as in 10s or 1.5h"};
}

Result<client::CallOptions> ReadTimeout(const Arguments& arguments) {
  const Result<std::optional<std::chrono::nanoseconds>> timeout = ReadDuration(arguments, "timeout");
  if (!timeout.ok()) return timeout.error();
  return client::CallOptions{.timeout = timeout.value()};
}

Result<std::optional<std::chrono::nanoseconds>> ReadDuration(const Arguments& arguments,
                                                             std::string_view option) {
  const std::optional<std::string> text = arguments.Get(option);
  if (!text) return std::optional<std::chrono::nanoseconds>();
  const Result<std::chrono::nanoseconds> parsed = ParseDuration(*text);
  if (!parsed.ok()) return UsageError("--" + std::string(option) + ": " + parsed.error().message);
  return std::optional(parsed.value());
}

}  // namespace covey::cli
