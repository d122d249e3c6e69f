#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <climits>
#include <memory>
#include <string>
#include <utility>

#include "client/cli/command.h"
#include "client/cli/duration.h"
#include "client/cli/interrupts.h"
#include "client/cli/run_attached.h"
#include "client/cli/submit_detached.h"
#include "client/cli/task_source.h"
#include "client/cli/text.h"
#include "client/task.h"

namespace covey::cli {
namespace {

constexpr std::string_view kDetails =
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

constexpr std::string_view kExamples =
    "covey run -- make test\n"
    "covey run -f tasks.jsonl --limit 4 --timeout 10m\n"
    "printf '{\"process\":{\"argv\":[\"sleep\",\"%d\"]}}\\n' 1 2 3 | covey run --policy any -f -\n"
    "id=$(covey run --detach -f tasks.jsonl) && covey wait $id";

constexpr std::string_view kExits =
    "0         the group succeeded; with --detach: it was accepted\n"
    "N         the first task that failed exited with N (126: cannot be executed, 127: not found)\n"
    "128+N     the first task that failed was ended by signal N\n"
    "124       the first failure was a timeout\n"
    "1         any other failure; the group was cancelled by somebody else\n"
    "130, 143  cancelled by Ctrl-C, by SIGTERM\n"
    "141       nobody reads standard output any more; the group was cancelled\n"
    "64        bad usage or a bad task\n"
    "69        the daemon is out of reach, was lost or takes no groups";

// What the options say, checked.
struct Plan {
  v1::GroupSpec spec;
  ProcessDefaults defaults;
};

Result<v1::Policy> ParsePolicy(std::string_view text) {
  if (text == "all") return v1::POLICY_ALL;
  if (text == "settled") return v1::POLICY_ALL_SETTLED;
  if (text == "any") return v1::POLICY_ANY;
  return UsageError("--policy must be all, settled or any, got " + Printable(text));
}

Result<Void> ReadSpec(const Arguments& arguments, v1::GroupSpec* spec) {
  if (const auto policy = arguments.Get("policy")) {
    const Result<v1::Policy> parsed = ParsePolicy(*policy);
    if (!parsed.ok()) return parsed.error();
    spec->set_policy(parsed.value());
  }
  if (const auto limit = arguments.Get("limit")) {
    const Result<uint64_t> parsed = ParseNumber("limit", *limit, 1, 65536);
    if (!parsed.ok()) return parsed.error();
    spec->set_limit(static_cast<uint32_t>(parsed.value()));
  }
  if (const auto most = arguments.Get("max-failures")) {
    const Result<uint64_t> parsed = ParseNumber("max-failures", *most, 0, UINT32_MAX);
    if (!parsed.ok()) return parsed.error();
    spec->set_max_failures(static_cast<uint32_t>(parsed.value()));
  }
  if (const auto timeout = arguments.Get("timeout")) {
    const Result<std::chrono::nanoseconds> parsed = ParseDuration(*timeout);
    if (!parsed.ok()) return UsageError("--timeout: " + parsed.error().message);
    if (parsed.value().count() == 0) return UsageError("--timeout must be longer than 0s");
    *spec->mutable_timeout() = client::ToProto(parsed.value());
  }
  for (const std::string_view option : {"name", "pool"}) {
    const std::string text = arguments.Get(option).value_or("");
    if (!IsUtf8(text))
      return UsageError("--" + std::string(option) + " must be UTF-8, got " + Printable(text));
  }
  spec->set_name(arguments.Get("name").value_or(""));
  spec->set_pool(arguments.Get("pool").value_or(""));
  const auto labels = ParsePairs("label", arguments.All("label"));
  if (!labels.ok()) return labels.error();
  spec->mutable_labels()->insert(labels.value().begin(), labels.value().end());
  return Void{};
}

Result<Void> ReadDefaults(const Arguments& arguments, ProcessDefaults* defaults) {
  const auto env = ParsePairs("env", arguments.All("env"));
  if (!env.ok()) return env.error();
  defaults->env = env.value();
  if (const auto grace = arguments.Get("grace")) {
    const Result<std::chrono::nanoseconds> parsed = ParseDuration(*grace);
    if (!parsed.ok()) return UsageError("--grace: " + parsed.error().message);
    if (parsed.value() > std::chrono::hours(24)) return UsageError("--grace must be 0s..24h, got " + *grace);
    defaults->grace = parsed.value();
  }
  if (const auto directory = arguments.Get("cwd")) {
    if (!directory->starts_with('/') || !IsUtf8(*directory)) {
      return UsageError("--cwd must be an absolute path, got " + Printable(*directory));
    }
    defaults->working_dir = *directory;
  }
  return Void{};
}

std::string CurrentDirectory() {
  std::array<char, PATH_MAX> path{};
  if (getcwd(path.data(), path.size()) == nullptr || path[0] != '/' || !IsUtf8(path.data())) return {};
  return path.data();
}

// The file name of a program, when a task may have it as its name.
std::string TaskName(std::string_view program) {
  const std::string_view name = program.substr(program.rfind('/') + 1);
  constexpr size_t kLongest = 128;
  const auto letter = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  const bool fits = !name.empty() && name.size() <= kLongest && letter(name[0]) &&
                    std::all_of(name.begin(), name.end(), [&](char c) {
                      return letter(c) || std::string_view("._-:@+").find(c) != std::string_view::npos;
                    });
  return fits ? std::string(name) : std::string();
}

Result<std::unique_ptr<TaskSource>> OpenSource(const Session& session, const Arguments& arguments,
                                               ProcessDefaults defaults) {
  const std::optional<std::string> file = arguments.Get("file");
  const std::vector<std::string>& words = arguments.words();
  if (arguments.words_before_dashes() > 0) {
    return UsageError("covey run takes a program after --, as in: covey run -- " + Printable(words[0]));
  }
  if (file && arguments.has_dashes())
    return UsageError("covey run takes a program after -- or -f FILE, not both");
  if (file) return OpenTaskFile(*file, std::move(defaults));
  if (words.empty())
    return UsageError("covey run needs a program (-- CMD ARG...) or a file of tasks (-f FILE)");
  for (const std::string& word : words) {
    if (!IsUtf8(word)) return UsageError("arguments of a task must be UTF-8, got " + Printable(word));
  }
  v1::TaskSpec task = client::Named(TaskName(words[0]), client::Process(words));
  if (defaults.working_dir.empty() && session.IsLocal()) defaults.working_dir = CurrentDirectory();
  defaults.Apply(&task);
  return MakeSingleTask(std::move(task));
}

int Run(Session& session, const Arguments& arguments) {
  Interrupts interrupts;  // before the client starts threads
  Plan plan;
  if (const auto read = ReadSpec(arguments, &plan.spec); !read.ok()) return session.Fail(read.error());
  if (const auto read = ReadDefaults(arguments, &plan.defaults); !read.ok())
    return session.Fail(read.error());
  const bool detach = arguments.Has("detach");
  const bool raw = arguments.Has("raw");
  if (raw && (detach || session.json())) {
    return session.Fail(UsageError("--raw goes with neither --detach nor --output json"));
  }
  Result<std::unique_ptr<TaskSource>> source = OpenSource(session, arguments, std::move(plan.defaults));
  if (!source.ok()) return session.Fail(source.error());
  Result<client::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.error());
  if (detach) return SubmitDetached(session, client.value(), plan.spec, *source.value(), interrupts);
  return RunAttached(session, client.value(), plan.spec, *source.value(), interrupts, raw);
}

}  // namespace

Command RunCommand() {
  return {
      .name = "run",
      .synopsis = "[OPTIONS] (-- CMD ARG... | -f FILE)",
      .summary = "runs a group of tasks and prints what they write",
      .details = kDetails,
      .examples = kExamples,
      .exits = kExits,
      .options =
          {
              {.name = "file",
               .letter = 'f',
               .value = "FILE",
               .help = "the tasks, one a line; - for standard input"},
              {.name = "policy",
               .value = "POLICY",
               .help = "all: the first failure stops the rest (default);\n"
                       "settled: run everything, then fail if anything failed;\n"
                       "any: the first success stops the rest"},
              {.name = "max-failures",
               .value = "N",
               .help = "with --policy all: failures to take without failing"},
              {.name = "limit", .value = "N", .help = "tasks that run at once, 1..65536"},
              {.name = "timeout",
               .value = "D",
               .help = "fail when the group takes longer, as in 10s or 1.5h"},
              {.name = "pool", .value = "P", .help = "pool that gives the slots; default: default"},
              {.name = "name", .value = "S", .help = "name of the group, for people"},
              {.name = "label",
               .value = "K=V",
               .help = "label of the group; may be repeated",
               .repeated = true},
              {.name = "env",
               .value = "K=V",
               .help = "variable for the processes; may be repeated",
               .repeated = true},
              {.name = "grace", .value = "D", .help = "time from the stop signal to SIGKILL; default: 10s"},
              {.name = "cwd", .value = "DIR", .help = "directory that the processes start in"},
              {.name = "raw", .help = "print the bytes that tasks write as they come, without names"},
              {.name = "detach", .help = "print the id of the group and leave it running"},
          },
      .run = Run,
  };
}

}  // namespace covey::cli
