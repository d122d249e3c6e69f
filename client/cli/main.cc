// The command line of covey: finds the command, reads its options, runs it.

#include <signal.h>
#include <unistd.h>

#if __has_include(<google/protobuf/stubs/logging.h>)  // before Protobuf 22
#include <google/protobuf/stubs/logging.h>
#endif

#include <clocale>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/command.h"
#include "client/cli/console.h"
#include "client/cli/help.h"
#include "client/cli/reader_watch.h"
#include "client/cli/session.h"
#include "core/text/standard_descriptors.h"
#include "covey/version.h"

namespace covey::cli {
namespace {

// The standard descriptor that the program was started without, if any.
constinit std::string_view closed_descriptor;

void ReserveDescriptors() { closed_descriptor = ReserveStandardDescriptors(); }

// Earlier than the libraries initialise themselves: gRPC's opens a descriptor.
[[gnu::section(".preinit_array"), gnu::used]] void (*const kBeforeLibraries)() = ReserveDescriptors;

// Before the arguments are known to be good: whether an error about them is to be JSON.
bool WantsJson(const std::vector<std::string>& typed) {
  for (size_t i = 0; i < typed.size() && typed[i] != "--"; ++i) {
    if (typed[i] == "--output=json" || typed[i] == "-o=json") return true;
    const bool option = typed[i] == "--output" || typed[i] == "-o";
    if (option && i + 1 < typed.size() && typed[i + 1] == "json") return true;
  }
  return false;
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
  if (!closed_descriptor.empty())
    return early.Fail(UsageError(std::string(closed_descriptor) + " is closed"));
  std::vector<Option> options(GlobalOptions().begin(), GlobalOptions().end());
  options.push_back({.name = "version", .help = ""});
  const Result<Arguments> before = ParseArguments("covey", options, typed, true);
  if (!before.ok()) return early.Fail(before.error());
  std::vector<std::string> words = before.value().words();
  if (before.value().Has("version")) {
    early.Print("covey " COVEY_VERSION "\n");
    return early.ExitWith(0);
  }
  const bool help = before.value().Has("help");
  if (words.empty()) {
    if (!help) return early.Fail(UsageError("a command is missing; see covey help"));
    early.Print(OverviewHelp());
    return early.ExitWith(0);
  }
  const Result<const Command*> found = TakeCommand(&words);
  if (!found.ok()) return early.Fail(found.error());
  const Command& command = *found.value();
  Result<Arguments> behind = Arguments();
  if (!help) behind = ParseCommand(command, words);
  if (!behind.ok()) return early.Fail(behind.error());
  if (help || behind.value().Has("help")) {
    early.Print(CommandHelp(command));
    return early.ExitWith(0);
  }
  const Result<std::string> address = Global(before.value(), behind.value(), "address");
  if (!address.ok()) return early.Fail(address.error());
  const Result<std::string> output = Global(before.value(), behind.value(), "output");
  if (!output.ok()) return early.Fail(output.error());
  Session session(console, output.value() == "json", address.value());
  std::optional<ReaderWatch> reader;
  if (command.only_prints) reader.emplace(STDOUT_FILENO, EndWithoutReader);
  return command.run(session, behind.value());
}

}  // namespace
}  // namespace covey::cli

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);  // a closed output is an error of write, and an exit code, for every command
  setlocale(LC_CTYPE, "C.UTF-8");  // for the width of characters
  setenv("GRPC_VERBOSITY", "NONE",
         0);  // what goes wrong is said in our words, unless somebody asks for gRPC's
#if __has_include(<google/protobuf/stubs/logging.h>)
  google::protobuf::SetLogHandler(nullptr);
#endif
  covey::cli::Console console(STDOUT_FILENO, STDERR_FILENO);
  return covey::cli::Main(console, std::vector<std::string>(argv + 1, argv + argc));
}
