// The command line of covey: finds the command, reads its options, runs it.

#include <google/protobuf/stubs/logging.h>
#include <unistd.h>

#include <clocale>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/command.h"
#include "client/cli/console.h"
#include "client/cli/exit_code.h"
#include "client/cli/session.h"
#include "client/cli/suggest.h"
#include "client/cli/text.h"

namespace covey::cli {
namespace {

// Before the arguments are known to be good: whether an error about them is to be JSON.
bool WantsJson(const std::vector<std::string>& typed) {
  for (size_t i = 0; i < typed.size() && typed[i] != "--"; ++i) {
    if (typed[i] == "--output=json") return true;
    if (typed[i] == "--output" && i + 1 < typed.size() && typed[i + 1] == "json") return true;
  }
  return false;
}

Error UnknownCommand(std::string_view typed) {
  std::vector<std::string_view> names = {"help"};
  for (const Command& command : Commands()) names.push_back(command.name);
  const std::string_view near = Nearest(typed, names);
  return UsageError("unknown command " + Printable(typed) +
                    (near.empty() ? "; see covey help" : "; did you mean " + std::string(near) + "?"));
}

int Help(Session& session, const std::vector<std::string>& words) {
  if (words.empty()) {
    session.Print(OverviewHelp());
    return session.ExitWith(0);
  }
  const Command* command = FindCommand(words[0]);
  if (command == nullptr) return session.Fail(UnknownCommand(words[0]));
  session.Print(CommandHelp(*command));
  return session.ExitWith(0);
}

// --address and --output may stand before or behind the command, but only in one place.
Result<std::string> Global(const Arguments& before, const Arguments& behind, std::string_view option) {
  if (before.Has(option) && behind.Has(option))
    return UsageError("--" + std::string(option) + " is given twice");
  const std::string value = behind.Get(option).value_or(before.Get(option).value_or(""));
  if (value.empty() && (before.Has(option) || behind.Has(option))) {
    return UsageError("--" + std::string(option) + " must not be empty");
  }
  return value;
}

int Main(Console& console, const std::vector<std::string>& typed) {
  Session early(console, WantsJson(typed), "");
  std::vector<Option> options(GlobalOptions().begin(), GlobalOptions().end());
  options.push_back({.name = "version", .help = ""});
  const Result<Arguments> before = ParseArguments("covey", options, typed, true);
  if (!before.ok()) return early.Fail(before.error());
  std::vector<std::string> words = before.value().words();
  if (before.value().Has("version")) {
    early.Print("covey " COVEY_VERSION "\n");
    return early.ExitWith(0);
  }
  if (words.empty()) {
    if (before.value().Has("help")) return Help(early, {});
    return early.Fail(UsageError("a command is missing; see covey help"));
  }
  const std::string name = words.front();
  words.erase(words.begin());
  if (name == "help") return Help(early, words);
  const Command* command = FindCommand(name);
  if (command == nullptr) return early.Fail(UnknownCommand(name));
  if (before.value().Has("help")) return Help(early, {name});

  options.assign(command->options.begin(), command->options.end());
  options.insert(options.end(), GlobalOptions().begin(), GlobalOptions().end());
  const Result<Arguments> behind = ParseArguments("covey " + name, options, words, false);
  if (!behind.ok()) return early.Fail(behind.error());
  if (behind.value().Has("help")) return Help(early, {name});
  const Result<std::string> address = Global(before.value(), behind.value(), "address");
  if (!address.ok()) return early.Fail(address.error());
  const Result<std::string> output = Global(before.value(), behind.value(), "output");
  if (!output.ok()) return early.Fail(output.error());
  if (!output.value().empty() && output.value() != "text" && output.value() != "json") {
    return early.Fail(UsageError("--output must be text or json, got " + Printable(output.value())));
  }
  Session session(console, output.value() == "json", address.value());
  return command->run(session, behind.value());
}

}  // namespace
}  // namespace covey::cli

int main(int argc, char** argv) {
  setlocale(LC_CTYPE, "C.UTF-8");  // for the width of characters
  setenv("GRPC_VERBOSITY", "NONE",
         0);  // what goes wrong is said in our words, unless somebody asks for gRPC's
  google::protobuf::SetLogHandler(nullptr);
  covey::cli::Console console(STDOUT_FILENO, STDERR_FILENO);
  return covey::cli::Main(console, std::vector<std::string>(argv + 1, argv + argc));
}
