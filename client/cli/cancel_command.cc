#include <string>

#include "client/cli/command.h"
#include "client/cli/format.h"
#include "client/cli/text.h"

namespace covey::cli {
namespace {

constexpr std::string_view kDetails =
    "Cancels groups: their tasks are asked to stop and, after their grace, killed. Prints a\n"
    "line for each group when the last of its tasks is gone, or at once with --no-wait. A group\n"
    "that was decided before stays what it is; that is no error.";

constexpr std::string_view kExamples =
    "covey cancel 0190a4c2-5f7e-7c31-9d0e-3b1f5a6c7d8e\n"
    "covey cancel --no-wait --reason 'wrong branch' G1 G2";

constexpr std::string_view kExits =
    "0   the groups are cancelled, or were decided before\n"
    "1   a group is not known\n"
    "69  the daemon is out of reach";

int Run(Session& session, const Arguments& arguments) {
  const std::string reason = arguments.Get("reason").value_or("");
  if (!IsUtf8(reason)) return session.Fail(UsageError("--reason must be UTF-8, got " + Printable(reason)));
  Result<client::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.error());
  const bool wait = !arguments.Has("no-wait");

  int code = 0;
  if (wait) {
    // All of them stop at once; then each is waited for. What fails here fails again below.
    for (const std::string& group : arguments.words()) (void)client.value().CancelGroup(group, reason, false);
  }
  for (const std::string& group : arguments.words()) {
    const Result<v1::Group> cancelled = client.value().CancelGroup(group, reason, wait);
    if (!cancelled.ok()) {
      const int failed = session.Fail(cancelled.error());
      if (code == 0) code = failed;
    } else if (session.json()) {
      session.PrintJson(cancelled.value());
    } else {
      session.Print(Printable(group) + " " + std::string(StateText(cancelled.value().state())) + ": " +
                    CountsText(cancelled.value().tasks()) + "\n");
    }
  }
  return session.ExitWith(code);
}

}  // namespace

Command CancelCommand() {
  return {
      .name = "cancel",
      .synopsis = "[--reason S] [--no-wait] GROUP...",
      .summary = "cancels groups and waits until nothing of them runs",
      .details = kDetails,
      .examples = kExamples,
      .exits = kExits,
      .words = {.names = Names::kRunningGroup, .least = 1, .most = kAnyNumber, .what = "the id of a group"},
      .options = {{.name = "reason", .value = "S", .help = "why, for people; kept with the group"},
                  {.name = "no-wait", .help = "do not wait for the end of the tasks"}},
      .run = Run,
  };
}

}  // namespace covey::cli
