#include <unistd.h>

#include <iostream>
#include <string>
#include <vector>

#include "client/cli/command.h"
#include "client/cli/find.h"
#include "client/cli/format.h"
#include "client/cli/group_filter.h"
#include "client/cli/text.h"

namespace covey::cli {
namespace {

constexpr std::string_view kCancelDetails =
    "Cancels groups, or single tasks as GROUP/TASK: they are asked to stop and, after their\n"
    "grace, killed. Prints a line for each when nothing of it runs any more, or at once with\n"
    "--no-wait. What was decided before stays what it is; that is no error. A task that is\n"
    "cancelled by itself is a failure to its group. Instead of naming groups, --label and --name\n"
    "choose those that are not over and fit both, and --all every one: that is asked on a\n"
    "terminal, and needs --yes anywhere else.";

constexpr std::string_view kCancelExamples =
    "covey cancel 0190a4c2 nightly\n"
    "covey cancel --no-wait --reason 'wrong branch' G1 G2/resize\n"
    "covey cancel --label team=birds\n"
    "covey cancel --all --yes";

constexpr std::string_view kCancelExits =
    "0   all of it is cancelled, or was decided before\n"
    "1   a group or task is not known, or the question was answered with no\n"
    "64  bad usage, or --all without --yes and without a terminal to ask on\n"
    "69  the daemon is out of reach";

// What is asked of the daemon for each of them.
struct Wish {
  std::string reason;
  bool wait = true;
};

Result<Void> Cancel(Session& session, client::Client& client, const Target& target, const Wish& wish) {
  if (!target.task.empty()) {
    const Result<v1::Task> task = client.CancelTask(target.group, target.task, wish.reason, wish.wait);
    if (!task.ok()) return task.error();
    if (session.json()) {
      session.PrintJson(task.value());
    } else {
      session.Print(Printable(target.group + "/" + target.task) + " " +
                    std::string(StateText(task.value().state())) + "\n");
    }
    return Void{};
  }
  const Result<v1::Group> group = client.CancelGroup(target.group, wish.reason, wish.wait);
  if (!group.ok()) return group.error();
  if (session.json()) {
    session.PrintJson(group.value());
  } else {
    session.Print(Printable(target.group) + " " + std::string(StateText(group.value().state())) + ": " +
                  CountsText(group.value().tasks()) + "\n");
  }
  return Void{};
}

// The groups of --all, --label and --name.
Result<std::vector<v1::Group>> Choose(client::Client& client, const v1::ListGroupsRequest& request) {
  std::vector<v1::Group> groups;
  const Result<Void> listed = client.ForEachGroup(request, [&](const v1::Group& group) {
    groups.push_back(group);
    return true;
  });
  if (!listed.ok()) return listed.error();
  return groups;
}

// On the terminal. Anything but yes is no.
bool Confirm(Session& session, const std::vector<v1::Group>& groups) {
  constexpr size_t kMostListed = 10;
  std::string text;
  for (size_t i = 0; i < groups.size() && i < kMostListed; ++i) {
    const v1::Group& group = groups[i];
    const std::string& name = group.spec().name();
    text += "  " + Printable(group.id()) + (name.empty() ? "" : " " + Printable(name)) + ": " +
            CountsText(group.tasks()) + "\n";
  }
  if (groups.size() > kMostListed)
    text += "  … and " + std::to_string(groups.size() - kMostListed) + " more\n";
  const std::string what =
      groups.size() == 1 ? "this group" : "these " + std::to_string(groups.size()) + " groups";
  session.console().Err(text + "cancel " + what + "? [y/N] ");
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

// What the words and options mean together; empty when all is well.
std::string Misuse(const Session& session, const Arguments& arguments, bool filtered) {
  const bool all = arguments.Has("all");
  if (arguments.words().empty() && !all && !filtered)
    return "covey cancel needs the id of a group, or --label, --name or --all";
  if (!arguments.words().empty() && (all || filtered))
    return "covey cancel takes groups, or --label, --name or --all, not both";
  const bool terminal = isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1 && !session.json();
  if (all && !filtered && !arguments.Has("yes") && !terminal)
    return "covey cancel --all needs --yes where nobody can be asked";
  return {};
}

int DoCancel(Session& session, const Arguments& arguments) {
  const Result<v1::ListGroupsRequest> filter = ReadFilter(arguments, false, WallClock::now());
  if (!filter.ok()) return session.Fail(filter.error());
  const bool filtered = !filter.value().labels().empty() || !filter.value().name_prefix().empty();
  if (const std::string misuse = Misuse(session, arguments, filtered); !misuse.empty())
    return session.Fail(UsageError(misuse));
  for (const std::string& word : arguments.words()) {
    if (const auto typed = ParseTarget(word); !typed.ok()) return session.Fail(typed.error());
  }
  Result<client::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.error());
  int code = 0;
  std::vector<Target> targets;
  if (arguments.words().empty()) {
    const Result<std::vector<v1::Group>> chosen = Choose(client.value(), filter.value());
    if (!chosen.ok()) return session.Fail(chosen.error());
    if (chosen.value().empty()) {
      session.console().Note(filtered ? "nothing to cancel: no group that fits is open"
                                      : "nothing to cancel: no group is open");
    }
    const bool ask = !filtered && !arguments.Has("yes") && !chosen.value().empty();
    if (ask && !Confirm(session, chosen.value())) {
      session.console().Note("nothing was cancelled");
      return 1;
    }
    for (const v1::Group& group : chosen.value()) targets.push_back({.group = group.id(), .task = {}});
  } else {
    targets = FindTargets(session, client.value(), arguments.words(), arguments.Has("all-named"), &code);
  }

  Wish wish{.reason = arguments.Get("reason").value_or(""), .wait = !arguments.Has("no-wait")};
  if (wish.wait && targets.size() > 1) {
    // All of them stop at once; then each is waited for. What fails here fails again below.
    for (const Target& target : targets) {
      if (target.task.empty()) {
        (void)client.value().CancelGroup(target.group, wish.reason);
      } else {
        (void)client.value().CancelTask(target.group, target.task, wish.reason);
      }
    }
  }
  for (const Target& target : targets) {
    const Result<Void> cancelled = Cancel(session, client.value(), target, wish);
    if (cancelled.ok()) continue;
    const int failed = session.Fail(cancelled.error());
    if (code == 0) code = failed;
  }
  return session.ExitWith(code);
}

std::vector<Option> CancelOptions() {
  std::vector<Option> options = {
      {.name = "reason", .value = "S", .help = "why, for people; kept with the group"},
      {.name = "no-wait", .help = "do not wait for the end of the tasks"},
      {.name = "all", .help = "every group that is not over"},
      {.name = "yes", .letter = 'y', .help = "ask nothing"},
      AllNamedOption(),
  };
  for (const Option& option : ChoosingOptions()) options.push_back(option);
  return options;
}

}  // namespace

Command CancelCommand() {
  return {
      .name = "cancel",
      .synopsis = "[OPTIONS] (GROUP[/TASK]... | [--label K=V] [--name PREFIX] | --all [--yes])",
      .summary = "cancels groups or tasks and waits until nothing of them runs",
      .details = kCancelDetails,
      .examples = kCancelExamples,
      .exits = kCancelExits,
      .words = {.names = Names::kRunningTarget, .most = kAnyNumber, .what = "the id of a group"},
      .options = CancelOptions(),
      .run = DoCancel,
  };
}

}  // namespace covey::cli
