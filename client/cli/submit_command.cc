#include <memory>
#include <string>
#include <vector>

#include "client/cli/command.h"
#include "client/cli/interrupts.h"
#include "client/cli/submit_detached.h"
#include "client/cli/task_options.h"
#include "client/cli/task_source.h"

namespace covey::cli {
namespace {

constexpr std::string_view kSubmitDetails =
    "Adds tasks to a group: one program (-- CMD ARG...), or the tasks of a file (-f FILE, \"-\"\n"
    "for standard input), which may have millions of lines; `covey help run` says how a line\n"
    "looks. What was accepted survives a crash of the daemon. When the daemon is restarted in\n"
    "between the submission goes on, and no task is added twice; when it fails or is ended by\n"
    "Ctrl-C, the tasks accepted before stay and their number is told. As JSON it prints a\n"
    "SubmitTasksResponse for each batch.";

constexpr std::string_view kSubmitExamples =
    "covey submit G -- make test\n"
    "covey submit G -f tasks.jsonl --seal && covey wait G\n"
    "generate-tasks | covey submit G -f -";

constexpr std::string_view kSubmitExits =
    "0         all tasks were accepted\n"
    "1         the group is not known, or takes no further tasks\n"
    "64        bad usage or a bad task\n"
    "69        the daemon is out of reach or was lost\n"
    "130, 143  ended by Ctrl-C, by SIGTERM";

int DoSubmit(Session& session, const Arguments& arguments) {
  Interrupts interrupts;  // before the client starts threads
  Result<std::unique_ptr<TaskSource>> source = OpenTasks(session, "submit", arguments);
  if (!source.ok()) return session.Fail(source.error());
  client::ConnectOptions options;
  options.retry.patience = {};  // it tries again itself, until a signal comes
  Result<client::Client> client = session.Connect(options);
  if (!client.ok()) return session.Fail(client.error());
  return SubmitTo(session, client.value(), arguments.words()[0], arguments.Has("seal"), *source.value(),
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
      .synopsis = "[OPTIONS] GROUP (-- CMD ARG... | -f FILE)",
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
