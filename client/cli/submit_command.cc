#include <memory>
#include <string>
#include <vector>

#include "client/cli/command.h"
#include "client/cli/dry_run.h"
#include "client/cli/find.h"
#include "client/cli/interrupts.h"
#include "client/cli/queue_room.h"
#include "client/cli/submit_detached.h"
#include "client/cli/task_options.h"
#include "client/cli/task_source.h"
#include "client/cli/unread_input.h"

namespace covey::cli {
namespace {

constexpr std::string_view kSubmitDetails =
    "Adds tasks to a group: one program (-- CMD ARG...), one for each line of standard input\n"
    "(--each -- CMD ARG...), or the tasks of a file (-f FILE, \"-\" for standard input). It may\n"
    "have millions of lines; `covey help run` says how a line looks. What was accepted survives\n"
    "a crash of the daemon. When the daemon is restarted in between the submission goes on, and\n"
    "no task is added twice; when it fails or is ended by Ctrl-C, the tasks accepted before\n"
    "stay and their number is told. As JSON it prints a SubmitTasksResponse for each batch.";

constexpr std::string_view kSubmitExamples =
    "covey submit G -- make test\n"
    "covey submit G -f tasks.jsonl --seal && covey wait G\n"
    "generate-tasks | covey submit G -f -\n"
    "ls *.txt | covey submit G --each -- gzip";

constexpr std::string_view kSubmitExits =
    "0         all tasks were accepted\n"
    "1         the group is not known, or takes no further tasks\n"
    "64        bad usage, a bad task, or no task at all\n"
    "69        the daemon is out of reach or was lost\n"
    "130, 143  ended by Ctrl-C, by SIGTERM";

int DoSubmit(Session& session, const Arguments& arguments) {
  Interrupts interrupts;  // before the client starts threads
  Result<Tasks> tasks = OpenTasks(session, "submit", arguments);
  if (!tasks.ok()) return session.Fail(tasks.error());
  TaskSource& source = *tasks.value().source;
  if (arguments.Has("dry-run")) return DryRun(session, source, interrupts);
  client::ConnectOptions options;
  options.retry.patience = {};  // it tries again itself, until a signal comes
  Result<client::Client> client = session.Connect(options);
  if (!client.ok()) return session.Fail(client.error());
  const UnreadInput unread(session.console(),
                           tasks.value().single && !tasks.value().reads_input && !session.json());
  if (!tasks.value().single) FitIntoQueue(client.value(), source);
  const std::string& word = arguments.words()[0];
  const Result<std::string> group = FindGroup(client.value(), word);
  // While the daemon is away the word may be an id: it is tried again.
  if (!group.ok() && group.error().code != ErrorCode::kUnavailable) return session.Fail(group.error());
  return SubmitTo(session, client.value(), group.ok() ? group.value() : word, arguments.Has("seal"), source,
                  interrupts);
}

std::vector<Option> SubmitOptions() {
  std::vector<Option> options = TaskOptions();
  options.push_back({.name = "seal", .help = "take no further tasks after these"});
  return options;
}

}  // namespace

Command SubmitCommand() {
  return {
      .name = "submit",
      .synopsis = "[OPTIONS] GROUP (-- CMD ARG... | --each -- CMD ARG... | -f FILE)",
      .summary = "adds tasks to a group",
      .details = kSubmitDetails,
      .examples = kSubmitExamples,
      .exits = kSubmitExits,
      .words = {.names = Names::kRunningGroup, .least = 1, .most = 1, .what = "the id of a group"},
      .takes_program = true,
      .options = SubmitOptions(),
      .run = DoSubmit,
  };
}

}  // namespace covey::cli
