#include <string>

#include "client/cli/command.h"
#include "client/cli/format.h"
#include "client/cli/target.h"
#include "client/cli/text.h"

namespace covey::cli {
namespace {

constexpr std::string_view kExplainDetails =
    "Says in a sentence why a group or a task is where it is; then what it waits for now, and\n"
    "what stopped it or made it fail: the last effect first, its first cause last, each with\n"
    "the number of the event that records it.";

constexpr std::string_view kExplainExamples =
    "covey explain 0190a4c2-5f7e-7c31-9d0e-3b1f5a6c7d8e\n"
    "covey explain G/resize\n"
    "covey --output json explain G | jq -r '.causes[-1].message'";

constexpr std::string_view kExplainExits =
    "0   explained\n"
    "1   the group or task is not known\n"
    "64  bad usage\n"
    "69  the daemon is out of reach";

std::string ExplainText(const v1::ExplainResponse& answer) {
  const auto recorded = [](const v1::Cause& cause) {
    return cause.event() == 0
               ? std::string()
               : " (event " + std::to_string(cause.event()) + ", " + TimeText(cause.time()) + ")";
  };
  std::string text = Printable(answer.summary());
  // The first cause may be what the summary says.
  const bool said = answer.causes_size() > 0 && answer.causes(0).message() == answer.summary();
  if (said) text += recorded(answer.causes(0));
  text += "\n";
  for (const v1::Wait& wait : answer.waits()) {
    text += "  waits: " + Printable(wait.message()) + "\n";
    for (const std::string& task : wait.tasks()) text += "    task " + Printable(task) + "\n";
  }
  for (const v1::Cause& cause : answer.causes()) {
    if (!said || &cause != &answer.causes(0))
      text += "  because: " + Printable(cause.message()) + recorded(cause) + "\n";
    text += Indented("    | ", cause.failure().detail());
  }
  return text;
}

int DoExplain(Session& session, const Arguments& arguments) {
  const Result<Target> target = ParseTarget(arguments.words()[0]);
  if (!target.ok()) return session.Fail(target.error());
  Result<client::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.error());
  const Result<v1::ExplainResponse> answer =
      client.value().Explain(target.value().group, target.value().task);
  if (!answer.ok()) return session.Fail(answer.error());
  if (session.json()) {
    session.PrintJson(answer.value());
  } else {
    session.Print(ExplainText(answer.value()));
  }
  return session.ExitWith(0);
}

}  // namespace

Command ExplainCommand() {
  return {
      .name = "explain",
      .synopsis = "GROUP[/TASK]",
      .summary = "says why a group or a task waits, stopped or failed",
      .details = kExplainDetails,
      .examples = kExplainExamples,
      .exits = kExplainExits,
      .words = {.names = Names::kAnyTarget,
                .least = 1,
                .most = 1,
                .what = "one group, or one task as GROUP/TASK"},
      .only_prints = true,
      .run = DoExplain,
  };
}

}  // namespace covey::cli
