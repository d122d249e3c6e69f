#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "client/cli/command.h"
#include "client/cli/exit_code.h"
#include "client/cli/format.h"
#include "client/cli/target.h"
#include "client/cli/text.h"
#include "client/cli/waiting.h"
#include "core/base/duration.h"

namespace covey::cli {
namespace {

constexpr std::string_view kWaitDetails =
    "Waits until groups, or single tasks as GROUP/TASK, are over and nothing of them runs any\n"
    "more, and prints a line for each. A group that still takes tasks is sealed when its last\n"
    "unfinished task ends. Ctrl-C and --timeout end the waiting alone: the groups go on.";

constexpr std::string_view kWaitExamples =
    "covey wait $(covey run --detach -- make test)\n"
    "covey wait --timeout 30s 0190a4c2-5f7e-7c31-9d0e-3b1f5a6c7d8e\n"
    "covey wait G/resize\n"
    "covey --output json wait G1 G2 | jq .group.state";

constexpr std::string_view kWaitExits =
    "0      all of them succeeded\n"
    "124    --timeout passed, or the first failure was a timeout\n"
    "141    nobody reads standard output any more\n"
    "other  as `covey run` for the first of them, as they are named, that did not succeed";

// What became of one wait.
struct Outcome {
  int code = 0;
};

Error StillGoesOn(const std::string& name, std::string_view what) {
  Error error = WaitedEnough("the " + std::string(what) + " goes on");
  error.message.insert(0, name + ": ");
  return error;
}

// What a timeout of the call means.
Error Explained(const Error& error, const std::string& name, std::string_view what) {
  return error.code == ErrorCode::kDeadlineExceeded ? StillGoesOn(name, what) : error;
}

int WaitForTask(Session& session, client::Client& client, const Target& target,
                const client::CallOptions& call) {
  const std::string name = target.group + "/" + target.task;
  v1::WaitTaskRequest request;
  request.set_group_id(target.group);
  request.set_task(target.task);
  const client::CallOptions bounded = BoundWait(call, &request);
  const Result<v1::Task> task = client.WaitTask(request, bounded);
  if (!task.ok()) return session.Fail(Explained(task.error(), name, "task"));
  if (request.has_timeout() && !client::IsOver(task.value())) return session.Fail(StillGoesOn(name, "task"));
  if (session.json()) {
    session.PrintJson(task.value());
  } else {
    const v1::Failure& failure = task.value().failure();
    session.Print(Printable(name) + " " + std::string(StateText(task.value().state())) +
                  (task.value().has_failure() ? ": " + FailureText(failure) : "") + "\n" +
                  Indented("  ", failure.detail()));
  }
  return ExitCode(task.value());
}

int WaitForGroup(Session& session, client::Client& client, const std::string& group,
                 const client::CallOptions& call) {
  v1::WaitGroupRequest request;
  request.set_group_id(group);
  request.set_seal_when_idle(true);
  const client::CallOptions bounded = BoundWait(call, &request);
  const Result<v1::GroupResult> result = client.WaitGroup(request, bounded);
  if (!result.ok()) return session.Fail(Explained(result.error(), group, "group"));
  if (request.has_timeout() && !client::IsOver(result.value().group()))
    return session.Fail(StillGoesOn(group, "group"));
  if (session.json()) {
    session.PrintJson(result.value());
  } else {
    // In one piece, since other waits print as well.
    session.Print(Printable(group) + " " + ResultText(result.value()) + "\n" +
                  Indented("  ", result.value().first_failure().detail()));
  }
  return ExitCode(result.value());
}

void Wait(Session& session, client::Client client, const Target& target, const client::CallOptions& call,
          Outcome* outcome) {
  outcome->code = target.task.empty() ? WaitForGroup(session, client, target.group, call)
                                      : WaitForTask(session, client, target, call);
}

int DoWait(Session& session, const Arguments& arguments) {
  std::vector<Target> targets;
  for (const std::string& word : arguments.words()) {
    const Result<Target> target = ParseTarget(word);
    if (!target.ok()) return session.Fail(target.error());
    targets.push_back(target.value());
  }
  const Result<client::CallOptions> call = ReadTimeout(arguments);
  if (!call.ok()) return session.Fail(call.error());
  const Result<client::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.error());

  std::vector<Outcome> outcomes(targets.size());
  std::vector<std::thread> waits;
  for (size_t i = 1; i < targets.size(); ++i) {
    waits.emplace_back([&, i] { Wait(session, client.value(), targets[i], call.value(), &outcomes[i]); });
  }
  Wait(session, client.value(), targets[0], call.value(), &outcomes[0]);
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
      .synopsis = "[--timeout D] GROUP[/TASK]...",
      .summary = "waits for groups or tasks and exits as they ended",
      .details = kWaitDetails,
      .examples = kWaitExamples,
      .exits = kWaitExits,
      .words = {.names = Names::kRunningTarget, .least = 1, .most = kAnyNumber, .what = "the id of a group"},
      .only_prints = true,
      .options = {TimeoutOption()},
      .run = DoWait,
  };
}

}  // namespace covey::cli
