#include <string>
#include <vector>

#include "client/cli/command.h"
#include "client/cli/format.h"
#include "client/cli/group_filter.h"
#include "client/cli/target.h"
#include "client/cli/text.h"

namespace covey::cli {
namespace {

constexpr std::string_view kCancelDetails =
    "Cancels groups, or single tasks as GROUP/TASK: they are asked to stop and, after their\n"
    "grace, killed. Prints a line for each when nothing of it runs any more, or at once with\n"
    "--no-wait. What was decided before stays what it is; that is no error. A task that is\n"
    "cancelled by itself is a failure to its group. With --all instead of names: every group\n"
    "that is not over and fits --label and --name.";

constexpr std::string_view kCancelExamples =
    "covey cancel 0190a4c2-5f7e-7c31-9d0e-3b1f5a6c7d8e\n"
    "covey cancel --no-wait --reason 'wrong branch' G1 G2/resize\n"
    "covey cancel --all --label team=birds";

constexpr std::string_view kCancelExits =
    "0   all of it is cancelled, or was decided before\n"
    "1   a group or task is not known\n"
    "64  bad usage\n"
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

// The groups of --all.
Result<std::vector<Target>> Choose(client::Client& client, const v1::ListGroupsRequest& request) {
  std::vector<Target> targets;
  const Result<Void> listed = client.ForEachGroup(request, [&](const v1::Group& group) {
    targets.push_back({.group = group.id(), .task = {}});
    return true;
  });
  if (!listed.ok()) return listed.error();
  return targets;
}

Result<std::vector<Target>> Named(const std::vector<std::string>& words) {
  std::vector<Target> targets;
  for (const std::string& word : words) {
    const Result<Target> target = ParseTarget(word);
    if (!target.ok()) return target.error();
    targets.push_back(target.value());
  }
  return targets;
}

int DoCancel(Session& session, const Arguments& arguments) {
  const bool all = arguments.Has("all");
  if (all != arguments.words().empty()) {
    return session.Fail(UsageError(all ? "covey cancel takes --all or groups, not both"
                                       : "covey cancel needs the id of a group, or --all"));
  }
  for (const std::string_view option : {"label", "name"}) {
    if (!all && arguments.Has(option))
      return session.Fail(UsageError("--" + std::string(option) + " needs --all"));
  }
  Wish wish{.reason = arguments.Get("reason").value_or(""), .wait = false};
  const Result<v1::ListGroupsRequest> filter = ReadFilter(arguments, false);
  if (!filter.ok()) return session.Fail(filter.error());
  const Result<std::vector<Target>> named = Named(arguments.words());
  if (!named.ok()) return session.Fail(named.error());
  Result<client::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.error());
  const Result<std::vector<Target>> targets = all ? Choose(client.value(), filter.value()) : named;
  if (!targets.ok()) return session.Fail(targets.error());

  const bool wait = !arguments.Has("no-wait");
  if (wait && targets.value().size() > 1) {
    // All of them stop at once; then each is waited for. What fails here fails again below.
    for (const Target& target : targets.value()) {
      if (target.task.empty()) {
        (void)client.value().CancelGroup(target.group, wish.reason);
      } else {
        (void)client.value().CancelTask(target.group, target.task, wish.reason);
      }
    }
  }
  wish.wait = wait;
  int code = 0;
  for (const Target& target : targets.value()) {
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
  };
  for (const Option& option : ChoosingOptions()) options.push_back(option);
  return options;
}

}  // namespace

Command CancelCommand() {
  return {
      .name = "cancel",
      .synopsis = "[--reason S] [--no-wait] (GROUP[/TASK]... | --all [--label K=V] [--name PREFIX])",
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
