#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "client/cli/command.h"
#include "client/cli/duration.h"
#include "client/cli/exit_code.h"
#include "client/cli/format.h"
#include "client/cli/text.h"

namespace covey::cli {
namespace {

constexpr std::string_view kDetails =
    "Waits until groups are over and nothing of them runs any more, and prints a line for\n"
    "each. A group that still takes tasks is sealed when its last unfinished task ends. Ctrl-C\n"
    "and --timeout end the waiting alone: the groups go on.";

constexpr std::string_view kExamples =
    "covey wait $(covey run --detach -- make test)\n"
    "covey wait --timeout 30s 0190a4c2-5f7e-7c31-9d0e-3b1f5a6c7d8e\n"
    "covey --output json wait G1 G2 | jq .group.state";

constexpr std::string_view kExits =
    "0      all groups succeeded\n"
    "124    --timeout passed, or the first failure was a timeout\n"
    "other  as `covey run` for the first of the groups, as they are named, that did not succeed";

// What became of one wait.
struct Outcome {
  int code = 0;
};

void Wait(Session& session, client::Client client, const std::string& group, const client::CallOptions& call,
          Outcome* outcome) {
  Result<v1::GroupResult> result = client.WaitGroup(group, true, call);
  if (!result.ok()) {
    Error error = result.error();
    if (error.code == ErrorCode::kDeadlineExceeded) {
      error.message = group + ": the time to wait has passed; the group goes on";
    }
    outcome->code = session.Fail(error);
    return;
  }
  outcome->code = ExitCode(result.value());
  if (session.json()) {
    session.PrintJson(result.value());
  } else {
    // In one piece, since other waits print as well.
    session.Print(Printable(group) + " " + ResultText(result.value()) + "\n" +
                  Indented("  ", result.value().first_failure().detail()));
  }
}

int Run(Session& session, const Arguments& arguments) {
  const std::vector<std::string>& groups = arguments.words();
  client::CallOptions call;
  if (const auto timeout = arguments.Get("timeout")) {
    const Result<std::chrono::nanoseconds> parsed = ParseDuration(*timeout);
    if (!parsed.ok()) return session.Fail(UsageError("--timeout: " + parsed.error().message));
    call.timeout = parsed.value();
  }
  const Result<client::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.error());

  std::vector<Outcome> outcomes(groups.size());
  std::vector<std::thread> waits;
  for (size_t i = 1; i < groups.size(); ++i) {
    waits.emplace_back([&, i] { Wait(session, client.value(), groups[i], call, &outcomes[i]); });
  }
  Wait(session, client.value(), groups[0], call, &outcomes[0]);
  for (std::thread& wait : waits) wait.join();
  for (const Outcome& outcome : outcomes) {
    if (outcome.code != 0) return session.ExitWith(outcome.code);
  }
  return session.ExitWith(0);
}

}  // namespace

Command WaitCommand() {
  return {
      .name = "wait",
      .synopsis = "[--timeout D] GROUP...",
      .summary = "waits for groups and exits as they ended",
      .details = kDetails,
      .examples = kExamples,
      .exits = kExits,
      .words = {.names = Names::kRunningGroup, .least = 1, .most = kAnyNumber, .what = "the id of a group"},
      .options = {{.name = "timeout", .value = "D", .help = "wait no longer than this, as in 10s or 1.5h"}},
      .run = Run,
  };
}

}  // namespace covey::cli
