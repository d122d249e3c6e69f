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

#include "client/cli/process_options.h"
#include "client/cli/text.h"
#include "core/base/duration.h"
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
       .help = "the tasks, one a line; - for standard input",
       .local = true},
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

Result<std::unique_ptr<TaskSource>> OpenTasks(const Session& session, std::string_view name,
                                              const Arguments& arguments) {
  const std::string command = "covey " + std::string(name);
  ProcessDefaults defaults;
  if (const auto read = ReadDefaults(arguments, &defaults); !read.ok()) return read.error();
  const std::optional<std::string> file = arguments.Get("file");
  if (file && arguments.has_dashes())
    return UsageError(command + " takes a program after -- or -f FILE, not both");
  if (file) return OpenTaskFile(*file, std::move(defaults));
  const std::vector<std::string> program(
      arguments.words().begin() + static_cast<ptrdiff_t>(arguments.words_before_dashes()),
      arguments.words().end());
  if (program.empty())
    return UsageError(command + " needs a program (-- CMD ARG...) or a file of tasks (-f FILE)");
  v1::TaskSpec task = client::Named(TaskName(program[0]), client::Process(program));
  if (defaults.working_dir.empty() && session.IsLocal()) {
    const Result<std::string> here = CurrentDirectory();
    if (!here.ok()) return here.error();
    defaults.working_dir = here.value();
  }
  defaults.Apply(&task);
  return MakeSingleTask(std::move(task));
}

}  // namespace covey::cli
