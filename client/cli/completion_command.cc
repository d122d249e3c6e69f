#include <string>

#include "client/cli/command.h"
#include "client/cli/complete.h"
#include "client/cli/text.h"

namespace covey::cli {
namespace {

constexpr std::string_view kCompletionDetails =
    "Prints a script that makes a shell complete the commands, options, groups, tasks and pools\n"
    "of covey. The script calls `covey completion words -- WORD...` for what could stand for\n"
    "the last WORD: one candidate a line, behind a tab what it is; a line that begins with a\n"
    "colon says what the shell itself completes: \":files\", \":directories\" or \":programs\".";

void PrintWords(Session& session, const std::vector<std::string>& words) {
  const Completion completion = Complete(session, words);
  std::string text;
  for (const Candidate& candidate : completion.candidates) {
    text += candidate.word + "\t" + candidate.description + "\n";
  }
  switch (completion.otherwise) {
    case Otherwise::kNothing:
      break;
    case Otherwise::kFiles:
      text += ":files\n";
      break;
    case Otherwise::kDirectories:
      text += ":directories\n";
      break;
    case Otherwise::kPrograms:
      text += ":programs\n";
      break;
  }
  session.Print(text);
}

int DoCompletion(Session& session, const Arguments& arguments) {
  const std::vector<std::string>& words = arguments.words();
  const std::string& shell = words[0];
  if (shell == "words") {
    PrintWords(session, {words.begin() + 1, words.end()});
  } else if (words.size() > 1) {
    return session.Fail(
        UsageError("covey completion takes bash, zsh or fish, got " + Printable(words[1]) + " as well"));
  } else if (shell == "bash") {
    session.Print(BashCompletion());
  } else if (shell == "zsh") {
    session.Print(ZshCompletion());
  } else if (shell == "fish") {
    session.Print(FishCompletion());
  } else {
    return session.Fail(UsageError("covey completion takes bash, zsh or fish, got " + Printable(shell)));
  }
  return session.ExitWith(0);
}

}  // namespace

Command CompletionCommand() {
  return {
      .name = "completion",
      .synopsis = "bash|zsh|fish",
      .summary = "prints a script that completes command lines",
      .details = kCompletionDetails,
      .examples =
          "source <(covey completion bash)\n"
          "covey completion zsh > ~/.zfunc/_covey\n"
          "covey completion fish > ~/.config/fish/completions/covey.fish\n"
          "covey completion words -- run --pol",
      .exits = "0   printed\n64  no such shell",
      .words = {.names = Names::kShell, .least = 1, .most = kAnyNumber, .what = "bash, zsh or fish"},
      .run = DoCompletion,
  };
}

}  // namespace covey::cli
