#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/command.h"
#include "client/cli/dry_run.h"
#include "client/cli/group_options.h"
#include "client/cli/interrupts.h"
#include "client/cli/queue_room.h"
#include "client/cli/run_attached.h"
#include "client/cli/submit_detached.h"
#include "client/cli/task_options.h"
#include "client/cli/task_source.h"
#include "client/cli/unread_input.h"

namespace covey::cli {
namespace {

constexpr std::string_view kRunDetails =
    "Runs a group of tasks: one program (-- CMD ARG...), one program for each line of standard\n"
    "input (--each -- CMD ARG...), or the tasks of a file (-f FILE, \"-\" for standard input).\n"
    "\n"
    "With --each a line is put in place of {}, of {.} without its extension, of {/} its last\n"
    "part, of {//} its folder, of {/.} the last part without extension; {#} is the number of\n"
    "the task, from 1 on. Without any of these the line is one more word at the end. No shell\n"
    "looks at it, unless the program is one: sh -c 'gzip < \"$1\" > \"$1.gz\"' sh {}. Empty lines are\n"
    "skipped.\n"
    "\n"
    "In a file each line is one task, a command for sh or a TaskSpec in Protobuf JSON, as the\n"
    "first line looks or --format says; durations are as in 1m30s or 250ms; empty lines and\n"
    "lines that begin with # are skipped:\n"
    "\n"
    "  {\"name\":\"a\",\"process\":{\"argv\":[\"sha256sum\",\"/etc/passwd\"]},\"timeout\":\"10s\"}\n"
    "  {\"function\":{\"name\":\"covey.echo\",\"payload\":{\"text\":\"hello\"}}}\n"
    "\n"
    "Input is read as it comes and no faster than the daemon takes it; tasks start while it is\n"
    "still being written, and it is read no further when the group is decided.\n"
    "\n"
    "What the tasks write is printed as it comes, each line behind the name of its task, or as\n"
    "it is when there is but one program: what they wrote to standard output to standard\n"
    "output, the rest to standard error. The last line on standard error says how the group\n"
    "ended. Without --detach the group ends with this program: Ctrl-C cancels it and waits for\n"
    "its tasks, a second Ctrl-C leaves at once. With --keep-order what a task writes waits for\n"
    "the tasks before it; past 16 MiB it waits in a file without a name in TMPDIR, or /tmp.\n"
    "\n"
    "A program given with -- is named after its file. It and commands of a file run in the\n"
    "current directory when the daemon is reached over a socket of this machine; tasks in JSON\n"
    "run in the daemon's directory unless --cwd or their line says otherwise. Processes get\n"
    "the variables of --env, not those of the shell, and no input without --stdin.";

constexpr std::string_view kRunExamples =
    "covey run -- make test\n"
    "ls *.png | covey run --each -- convert {} {.}.jpg\n"
    "find . -name '*.log' -print0 | covey run --each -0 --limit 4 -- gzip\n"
    "covey run -f tasks.jsonl --limit 4 --timeout 10m\n"
    "printf '{\"process\":{\"argv\":[\"sleep\",\"%d\"]}}\\n' 1 2 3 | covey run --policy any -f -\n"
    "id=$(covey run --detach -f tasks.jsonl) && covey wait $id";

constexpr std::string_view kRunExits =
    "0         the group succeeded; with --detach: it was accepted\n"
    "N         the first task that failed exited with N (126: cannot be executed, 127: not found)\n"
    "128+N     the first task that failed was ended by signal N\n"
    "124       the first failure was a timeout\n"
    "1         any other failure; the group was cancelled by somebody else\n"
    "130, 143  cancelled by Ctrl-C, by SIGTERM\n"
    "74        the group succeeded, but some of its output was lost\n"
    "141       nobody reads standard output any more; the group was cancelled\n"
    "64        bad usage, a bad task, or no task at all\n"
    "69        the daemon is out of reach, was lost or takes no groups";

int DoRun(Session& session, const Arguments& arguments) {
  Interrupts interrupts;  // before the client starts threads
  v1::GroupSpec spec;
  if (const auto read = ReadGroupOptions(arguments, &spec); !read.ok()) return session.Fail(read.error());
  const bool detach = arguments.Has("detach");
  const bool raw = arguments.Has("raw");
  const bool keep_order = arguments.Has("keep-order");
  for (const std::string_view option : {"raw", "keep-order"}) {
    if (arguments.Has(option) && (detach || session.json()))
      return session.Fail(
          UsageError("--" + std::string(option) + " goes with neither --detach nor --output json"));
  }
  Result<Tasks> tasks = OpenTasks(session, "run", arguments);
  if (!tasks.ok()) return session.Fail(tasks.error());
  TaskSource& source = *tasks.value().source;
  if (arguments.Has("dry-run")) return DryRun(session, source, interrupts);
  client::ConnectOptions options;
  if (detach) options.retry.patience = {};  // it tries again itself, until a signal comes
  Result<client::Client> client = session.Connect(options);
  if (!client.ok()) return session.Fail(client.error());
  const UnreadInput unread(session.console(),
                           tasks.value().single && !tasks.value().reads_input && !session.json());
  if (!tasks.value().single) FitIntoQueue(client.value(), source);
  if (detach) return SubmitDetached(session, client.value(), spec, source, interrupts);
  return RunAttached(session, client.value(), spec, source, interrupts,
                     {.raw = raw || tasks.value().single, .keep_order = keep_order});
}

std::vector<Option> RunOptions() {
  std::vector<Option> options = TaskOptions();
  for (const Option& option : GroupOptions()) options.push_back(option);
  options.push_back({.name = "raw", .help = "print the bytes that tasks write as they come, without names"});
  options.push_back({.name = "keep-order",
                     .letter = 'k',
                     .help = "print what tasks write in the order of the tasks, not as it comes"});
  options.push_back({.name = "detach", .help = "print the id of the group and leave it running"});
  return options;
}

}  // namespace

Command RunCommand() {
  return {
      .name = "run",
      .synopsis = "[OPTIONS] (-- CMD ARG... | --each -- CMD ARG... | -f FILE)",
      .summary = "runs a group of tasks and prints what they write",
      .details = kRunDetails,
      .examples = kRunExamples,
      .exits = kRunExits,
      .takes_program = true,
      .options = RunOptions(),
      .run = DoRun,
  };
}

}  // namespace covey::cli
