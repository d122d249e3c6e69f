#include "client/cli/help.h"

#include <algorithm>

#include "client/cli/man_page.h"
#include "client/cli/markdown_page.h"
#include "client/cli/text.h"

namespace covey::cli {
namespace {

std::string Indent(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) out += "  " + std::string(text.substr(0, end));
    out += "\n";
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

int DoHelp(Session& session, const Arguments& arguments) {
  std::vector<std::string> words = arguments.words();
  if (arguments.Has("man")) {
    if (!words.empty())
      return session.Fail(UsageError("--man is about all of covey, got " + Printable(words[0])));
    session.Print(ManPage());
  } else if (arguments.Has("markdown")) {
    if (!words.empty())
      return session.Fail(UsageError("--markdown is about all of covey, got " + Printable(words[0])));
    session.Print(MarkdownPage());
  } else if (words.empty()) {
    session.Print(OverviewHelp());
  } else {
    const Result<const Command*> command = TakeCommand(&words);
    if (!command.ok()) return session.Fail(command.error());
    if (!words.empty())
      return session.Fail(
          UsageError("covey help takes one command, got " + Printable(words[0]) + " as well"));
    session.Print(CommandHelp(*command.value()));
  }
  return session.ExitWith(0);
}

}  // namespace

std::string_view EnvironmentHelp() {
  return "COVEY_ADDRESS  where the daemon listens, as for --address. Default: the socket\n"
         "               /run/covey/coveyd.sock for root, $XDG_RUNTIME_DIR/covey/coveyd.sock\n"
         "               for others.\n"
         "NO_COLOR       no colours, when it is not empty.\n"
         "CLICOLOR_FORCE colours also without a terminal, when it is not empty or 0.\n"
         "TZ             the time zone of times that are typed and of --times local.\n";
}

std::string_view ExitCodesHelp() {
  return "0        done; run and wait: the group succeeded\n"
         "1        failed without a code of its own\n"
         "64       bad usage, or a request that the daemon refused as invalid\n"
         "69       the daemon is out of reach, was lost or takes no groups\n"
         "74       run: the group succeeded, but some of its output was lost\n"
         "124      a timeout passed\n"
         "130, 143 ended by Ctrl-C, by SIGTERM\n"
         "141      nobody reads standard output any more\n"
         "\n"
         "run and wait otherwise exit as the first task that failed: with its exit code (126:\n"
         "cannot be executed, 127: not found), or 128 plus the signal that ended it.\n";
}

std::span<const Topic> Topics() {
  static const std::vector<Topic> topics = {
      {.heading = "Run something",
       .commands = {"run", "create", "submit", "seal"},
       .examples = "covey run -- make test\n"
                   "covey run --limit 4 -f tasks.jsonl\n"
                   "covey run --detach --name nightly -- ./backup.sh"},
      {.heading = "Find it, and see how it is",
       .commands = {"ps", "show", "tasks", "explain", "top"},
       .examples = "covey ps -a --since yesterday\n"
                   "covey show nightly\n"
                   "covey explain @last-failed"},
      {.heading = "Follow it",
       .commands = {"logs", "events", "wait"},
       .examples = "covey logs --follow --tail 20 nightly\n"
                   "covey events --new\n"
                   "covey wait @last && echo done"},
      {.heading = "Stop it, and clear up",
       .commands = {"cancel", "delete", "prune"},
       .examples = "covey cancel nightly\n"
                   "covey cancel --label team=birds\n"
                   "covey ps -a --before 720h -o name | xargs -r covey delete"},
      {.heading = "Say how much runs at once",
       .commands = {"pools", "pools create", "pools set", "pools close"},
       .examples = "covey pools\n"
                   "covey pools set default --max 8"},
      {.heading = "Look after the daemon",
       .commands = {"info", "health", "doctor", "drain", "undrain", "reload", "backup"},
       .examples = "covey health --wait 10s\n"
                   "covey backup /var/backups/covey.tar"},
      {.heading = "Learn more",
       .commands = {"help", "completion"},
       .examples = "covey help run\n"
                   "source <(covey completion bash)"},
  };
  return topics;
}

std::string_view TypedHelp() {
  return "GROUP is the first of these that there is: an id; @last, or @last-failed; a name, of the\n"
         "newest group that has it; the beginning of one id alone. TASK is the name of a task, and\n"
         "tasks without one are named by their index: 0, 1, ...\n"
         "\n"
         "TIME is 18:00 (the last time that it was), 2026-11-27, 'yesterday', 2026-11-27T18:00:00Z, or\n"
         "how long ago it was. D, a duration, is as in 250ms, 10s, 1m30s or 2h.\n";
}

std::string OverviewHelp() {
  size_t longest = 0;
  for (const Command& command : Commands()) longest = std::max(longest, command.name.size());
  std::string out =
      "covey runs groups of tasks that start together, fail together and are waited for together.\n\n"
      "Usage: covey [--address A] [--output text|json] COMMAND [ARGUMENTS]\n";
  for (const Topic& topic : Topics()) {
    out += "\n" + std::string(topic.heading) + ":\n";
    for (const std::string_view name : topic.commands) {
      std::string left = "  " + std::string(name);
      left.resize(longest + 4, ' ');
      out += left + std::string(FindCommand(name)->summary) + "\n";
    }
    std::string_view examples = topic.examples;
    while (!examples.empty()) {
      const size_t end = std::min(examples.find('\n'), examples.size());
      out += "    $ " + std::string(examples.substr(0, end)) + "\n";
      examples.remove_prefix(std::min(end + 1, examples.size()));
    }
  }
  out += "\nWhat is typed:\n" + Indent(TypedHelp());
  out += "\nOptions:\n" + OptionsHelp(GlobalOptions()) + "      --version         the version of covey\n";
  out += "\nEnvironment:\n" + Indent(EnvironmentHelp());
  return out + "\nExit codes:\n" + Indent(ExitCodesHelp());
}

std::string CommandHelp(const Command& command) {
  std::string out = "Usage: covey " + std::string(command.name);
  if (!command.synopsis.empty()) out += " " + std::string(command.synopsis);
  out += "\n\n" + std::string(command.details) + "\n";
  if (!command.options.empty()) out += "\nOptions:\n" + OptionsHelp(command.options);
  out += "\nOptions of every command:\n" + OptionsHelp(GlobalOptions());
  out += "\nExamples:\n" + Indent(command.examples);
  return out + "\nExit codes:\n" + Indent(command.exits);
}

Command HelpCommand() {
  return {
      .name = "help",
      .synopsis = "[--man | --markdown] [COMMAND]",
      .summary = "says more about a command: covey help run",
      .details =
          "Says what covey does, or more about one command. With --man prints the manual page\n"
          "covey(1), with --markdown the page about the command line, both made from the same table\n"
          "as this help.",
      .examples = "covey help run\ncovey help --man | man -l -",
      .exits = "0   printed\n64  there is no such command",
      .words = {.names = Names::kCommand, .most = 2, .what = "one command"},
      .options = {{.name = "man", .help = "the manual page covey(1)"},
                  {.name = "markdown", .help = "all of it as one page of Markdown"}},
      .run = DoHelp,
  };
}

}  // namespace covey::cli
