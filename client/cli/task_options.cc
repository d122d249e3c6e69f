#include "client/cli/task_options.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <climits>
#include <cstring>
#include <string>
#include <utility>

#include "client/cli/input_tasks.h"
#include "client/cli/process_options.h"
#include "client/cli/record_reader.h"
#include "client/cli/task_maker.h"
#include "client/cli/text.h"
#include "core/base/duration.h"
#include "core/text/shell_word.h"
#include "covey/client/task.h"

namespace covey::cli {
namespace {

Result<Void> ReadTime(const Arguments& arguments, const std::string& name, std::chrono::nanoseconds most,
                      const char* range, std::optional<std::chrono::nanoseconds>* out) {
  const auto given = arguments.Get(name);
  if (!given) return Void{};
  const Result<std::chrono::nanoseconds> parsed = ParseDuration(*given);
  if (!parsed.ok()) return UsageError("--" + name + ": " + parsed.error().message);
  if (parsed.value() > most) return UsageError("--" + name + " must be " + range + ", got " + *given);
  *out = parsed.value();
  return Void{};
}

Result<Void> ReadDefaults(const Arguments& arguments, ProcessDefaults* defaults) {
  const auto env = ParsePairs("env", arguments.All("env"));
  if (!env.ok()) return env.error();
  defaults->env = env.value();
  if (auto read = ReadTime(arguments, "grace", std::chrono::hours(24), "0s..24h", &defaults->grace);
      !read.ok())
    return read;
  if (auto read = ReadTime(arguments, "linger", std::chrono::hours(1), "0s..1h", &defaults->linger);
      !read.ok())
    return read;
  if (const auto directory = arguments.Get("cwd")) {
    if (!directory->starts_with('/')) {
      return UsageError("--cwd must be an absolute path, got " + Printable(*directory));
    }
    defaults->working_dir = *directory;
  }
  return ReadProcessOptions(arguments, &defaults->settings);
}

// Where a task runs that was typed here. Without it the task would run elsewhere.
Result<std::string> CurrentDirectory() {
  constexpr std::string_view kInstead = "; --cwd DIR chooses another one";
  std::array<char, PATH_MAX> path{};
  if (getcwd(path.data(), path.size()) == nullptr)
    return UsageError(std::string("the current directory cannot be used: ") + std::strerror(errno) +
                      std::string(kInstead));
  if (path[0] != '/' || !IsUtf8(path.data())) {
    return UsageError("the current directory must be an absolute path in UTF-8, got " +
                      Printable(path.data()) + std::string(kInstead));
  }
  return std::string(path.data());
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

}  // namespace

std::vector<Option> TaskOptions() {
  std::vector<Option> options = {
      {.name = "file",
       .letter = 'f',
       .value = "FILE",
       .help = "the tasks, or with --each the arguments, one a line;\n- for standard input",
       .local = true},
      {.name = "each",
       .help = "run the program once for each line of standard input, or of\n"
               "--file: {} is the line, {.} without its extension, {/} its last\n"
               "part, {//} its folder, {/.} the last part without extension,\n"
               "{#} the number of the task; without any the line comes last"},
      {.name = "null", .letter = '0', .help = "not lines: NUL bytes end the entries, as find -print0 has it"},
      {.name = "format",
       .value = "FORMAT",
       .choices = "lines json",
       .help = "what --file has: lines, each a command for sh, or json;\ndefault: as its first line looks"},
      {.name = "stdin", .help = "pass standard input on to the program, at most 1 MiB"},
      {.name = "allow-empty", .help = "an input without tasks is no error"},
      {.name = "dry-run", .help = "print what would run, a command a line, and run nothing"},
      {.name = "env",
       .value = "K=V",
       .help = "variable for the processes; may be repeated",
       .repeated = true},
      {.name = "grace", .value = "D", .help = "time from the stop signal to SIGKILL; default: 10s"},
      {.name = "linger",
       .value = "D",
       .help = "how long what a process leaves behind may go on writing; default: 2s"},
      {.name = "cwd", .value = "DIR", .help = "directory that the processes start in"},
  };
  const std::vector<Option> of_processes = ProcessOptions();
  options.insert(options.end(), of_processes.begin(), of_processes.end());
  return options;
}

namespace {

// What goes with what, for those who cannot know.
Result<Void> CheckTogether(const std::string& command, const Arguments& arguments, bool has_program) {
  const bool file = arguments.Has("file");
  const bool each = arguments.Has("each");
  if (each && !has_program) {
    return UsageError(command + " --each needs a program, as in: " + command + " --each -- gzip");
  }
  if (file && has_program && !each)
    return UsageError(command +
                      " takes a program after -- or -f FILE, not both; with --each the lines of FILE are its "
                      "arguments");
  if (!file && !has_program)
    return UsageError(command + " needs a program (-- CMD ARG...) or a file of tasks (-f FILE)");
  for (const std::string_view option : {"null", "allow-empty"}) {
    if (arguments.Has(option) && !file && !each)
      return UsageError("--" + std::string(option) + " goes with --each or -f FILE");
  }
  if (arguments.Has("format") && (each || !file))
    return UsageError("--format goes with -f FILE and without --each");
  if (arguments.Has("stdin") && (each || file))
    return UsageError("--stdin goes with one program (-- CMD ARG...), not with --each or -f");
  return Void{};
}

// A whole command line in quotes is no program, and parallel's words behind ::: are no input.
Result<Void> CheckProgram(Session& session, const std::vector<std::string>& program, bool each) {
  if (each && std::find(program.begin(), program.end(), ":::") != program.end()) {
    return UsageError(
        "--each takes lines of standard input, or of -f FILE, not words behind :::, as in: "
        "printf '%s\\n' a b | covey run --each -- echo");
  }
  if (program.size() == 1 && program[0].find(' ') != std::string::npos &&
      program[0].find('/') == std::string::npos && !session.json()) {
    session.console().Note("takes " + Printable(ShellWord(program[0])) +
                           " for the name of a program: leave the quotes out, or have sh -c run it");
  }
  return Void{};
}

// Who types at a terminal should know that it is read.
Result<std::unique_ptr<StoppableInput>> OpenInput(Session& session, const std::string& path) {
  Result<std::unique_ptr<StoppableInput>> input = StoppableInput::Open(path);
  if (input.ok() && path == "-" && isatty(STDIN_FILENO) == 1 && !session.json())
    session.console().Note("reads standard input from the terminal; Ctrl-D ends it");
  return input;
}

}  // namespace

Result<Tasks> OpenTasks(Session& session, std::string_view name, const Arguments& arguments) {
  const std::vector<std::string> program(
      arguments.words().begin() + static_cast<ptrdiff_t>(arguments.words_before_dashes()),
      arguments.words().end());
  const bool each = arguments.Has("each");
  const std::optional<std::string> file = arguments.Get("file");
  if (const auto checked = CheckTogether("covey " + std::string(name), arguments, !program.empty());
      !checked.ok())
    return checked.error();
  if (const auto checked = CheckProgram(session, program, each); !checked.ok()) return checked.error();
  ProcessDefaults defaults;
  if (const auto read = ReadDefaults(arguments, &defaults); !read.ok()) return read.error();
  Directory here = defaults.working_dir;
  if (defaults.working_dir.empty() && session.IsLocal()) here = CurrentDirectory();
  if (!program.empty() && !here.ok()) return here.error();
  if (!each && !file) {
    v1::TaskSpec task = client::Process(program);
    // Names are unique in a group: only the first task of one can take that of its program.
    if (name == "run") task.set_name(TaskName(program[0]));
    defaults.working_dir = here.value();
    defaults.Apply(&task);
    const bool passes_input = arguments.Has("stdin");
    std::unique_ptr<StoppableInput> input;
    if (passes_input) {
      Result<std::unique_ptr<StoppableInput>> opened = OpenInput(session, "-");
      if (!opened.ok()) return opened.error();
      input = std::move(opened.value());
    }
    return Tasks{.source = MakeSingleTask(std::move(task), std::move(input)),
                 .single = true,
                 .reads_input = passes_input};
  }
  const std::string path = file.value_or("-");
  Result<std::unique_ptr<StoppableInput>> input = OpenInput(session, path);
  if (!input.ok()) return input.error();
  const bool null = arguments.Has("null");
  auto records = std::make_unique<RecordReader>(std::move(input.value()),
                                                null ? RecordReader::Ends::kNul : RecordReader::Ends::kLine);
  const std::string format = arguments.Get("format").value_or("");
  std::unique_ptr<TaskMaker> maker;
  if (each) {
    maker = TasksOfArguments(program, std::move(here), !null);
  } else if (format == "json") {
    maker = TasksOfJson();
  } else if (format == "lines") {
    maker = TasksOfCommands(std::move(here));
  } else {
    maker = GuessedTasks(std::move(here), [&session, where = records->name()] {
      if (!session.json()) session.console().Note(where + ": each line is a command for sh (--format lines)");
    });
  }
  return Tasks{.source = MakeInputTasks(std::move(records), std::move(maker), std::move(defaults),
                                        arguments.Has("allow-empty")),
               .single = false,
               .reads_input = path == "-"};
}

}  // namespace covey::cli
