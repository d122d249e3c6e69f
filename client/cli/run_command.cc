#include <memory>
#include <string>
#include <vector>

#include "client/cli/command.h"
#include "client/cli/group_options.h"
#include "client/cli/interrupts.h"
#include "client/cli/run_attached.h"
#include "client/cli/submit_detached.h"
#include "client/cli/task_options.h"
#include "client/cli/task_source.h"

namespace covey::cli {
namespace {

constexpr std::string_view kRunDetails =
    "Runs a group of tasks: one program (-- CMD ARG...), or the tasks of a file (-f FILE, \"-\"\n"
    "for standard input). In a file each line is one task, a TaskSpec in Protobuf JSON; empty\n"
    "lines and lines that begin with # are skipped:\n"
    "\n"
    "  {\"name\":\"a\",\"process\":{\"argv\":[\"sha256sum\",\"/etc/passwd\"]},\"timeout\":\"10s\"}\n"
    "  {\"function\":{\"name\":\"covey.echo\",\"payload\":{\"text\":\"hello\"}}}\n"
    "\n"
    "What the tasks write is printed as it comes, each line behind the name of its task: what\n"
    "they wrote to standard output to standard output, the rest to standard error. The last\n"
    "line on standard error says how the group ended. Without --detach the group ends with\n"
    "this program: Ctrl-C cancels it and waits for its tasks, a second Ctrl-C leaves at once.\n"
    "\n"
    "A program given with -- is named after its file and runs in the current directory when\n"
    "the daemon is reached over a socket of this machine; every other process runs in the\n"
    "daemon's directory unless --cwd or its line says otherwise. Processes get the\n"
    "variables of --env, not those of the shell.";

constexpr std::string_view kRunExamples =
    "covey run -- make test\n"
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
    "64        bad usage or a bad task\n"
    "69        the daemon is out of reach, was lost or takes no groups";

int DoRun(Session& session, const Arguments& arguments) {
  Interrupts interrupts;  // before the client starts threads
  v1::GroupSpec spec;
  if (const auto read = ReadGroupOptions(arguments, &spec); !read.ok()) return session.Fail(read.error());
  const bool detach = arguments.Has("detach");
  const bool raw = arguments.Has("raw");
  if (raw && (detach || session.json())) {
    return session.Fail(UsageError("--raw goes with neither --detach nor --output json"));
  }
  Result<std::unique_ptr<TaskSource>> source = OpenTasks(session, "run", arguments);
  if (!source.ok()) return session.Fail(source.error());
  client::ConnectOptions options;
  if (detach) options.retry.patience = {};  // it tries again itself, until a signal comes
  Result<client::Client> client = session.Connect(options);
  if (!client.ok()) return session.Fail(client.error());
  if (detach) return SubmitDetached(session, client.value(), spec, *source.value(), interrupts);
  return RunAttached(session, client.value(), spec, *source.value(), interrupts, raw);
}

std::vector<Option> RunOptions() {
  std::vector<Option> options = TaskOptions();
  for (const Option& option : GroupOptions()) options.push_back(option);
  options.push_back({.name = "raw", .help = "print the bytes that tasks write as they come, without names"});
  options.push_back({.name = "detach", .help = "print the id of the group and leave it running"});
  return options;
}

}  // namespace

Command RunCommand() {
  return {
      .name = "run",
      .synopsis = "[OPTIONS] (-- CMD ARG... | -f FILE)",
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
