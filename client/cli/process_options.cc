#include "client/cli/process_options.h"

#include <charconv>
#include <string>

#include "client/cli/text.h"
#include "core/base/duration.h"
#include "covey/client/task.h"

namespace covey::cli {
namespace {

constexpr uint64_t kMaxOpenFiles = 1048576;
constexpr uint64_t kMaxPids = 4194304;
constexpr uint64_t kMinCpuMilli = 10;
constexpr uint64_t kMaxCpuMilli = 1024000;
constexpr int kMinNice = -20;
constexpr int kMaxNice = 19;

template <typename Number>
bool ParseWhole(std::string_view text, Number* out) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, *out);
  return error == std::errc() && rest == end && !text.empty();
}

}  // namespace

Result<uint64_t> ParseSize(const std::string& option, const std::string& text) {
  constexpr std::string_view kUnits = "KMGT";
  std::string_view digits = text;
  unsigned shift = 0;
  if (!digits.empty()) {
    if (const size_t unit = kUnits.find(digits.back()); unit != std::string_view::npos) {
      shift = 10 * (static_cast<unsigned>(unit) + 1);
      digits.remove_suffix(1);
    }
  }
  uint64_t number = 0;
  if (!ParseWhole(digits, &number) || number << shift >> shift != number) {
    return UsageError(option + " must be a number of bytes such as 512M or 2G, got " + Printable(text));
  }
  return number << shift;
}

namespace {

// "1.5" as 1500.
Result<uint32_t> ParseCpus(const std::string& text) {
  const size_t point = text.find('.');
  const std::string whole = text.substr(0, point);
  std::string thousandths = point == std::string::npos ? "0" : text.substr(point + 1);
  const bool fits = !thousandths.empty() && thousandths.size() <= 3;
  if (fits) thousandths.resize(3, '0');
  uint64_t cpus = 0;
  uint64_t milli = 0;
  if (fits && ParseWhole(whole, &cpus) && ParseWhole(thousandths, &milli) && cpus <= kMaxCpuMilli / 1000) {
    milli += cpus * 1000;
    if (milli >= kMinCpuMilli && milli <= kMaxCpuMilli) return static_cast<uint32_t>(milli);
  }
  return UsageError("--cpus must be 0.01..1024 with at most three decimals, got " + Printable(text));
}

Result<Void> ReadUlimit(const std::string& name, const std::string& value, v1::ResourceLimits* limits) {
  const std::string option = "--ulimit " + name;
  if (name == "open-files") {
    const Result<uint64_t> files = ParseNumber("ulimit open-files", value, 3, kMaxOpenFiles);
    if (!files.ok()) return files.error();
    limits->set_open_files(static_cast<uint32_t>(files.value()));
  } else if (name == "address-space") {
    const Result<uint64_t> bytes = ParseSize(option, value);
    if (!bytes.ok()) return bytes.error();
    limits->set_address_space(bytes.value());
  } else if (name == "core-size") {
    const Result<uint64_t> bytes = ParseSize(option, value);
    if (!bytes.ok()) return bytes.error();
    limits->set_core_size(bytes.value());
  } else if (name == "cpu-time") {
    const Result<std::chrono::nanoseconds> time = ParseDuration(value);
    if (!time.ok()) return UsageError(option + ": " + time.error().message);
    *limits->mutable_cpu_time() = client::ToProto(time.value());
  } else {
    return UsageError("--ulimit must name open-files, address-space, cpu-time or core-size, got " +
                      Printable(name));
  }
  return Void{};
}

Result<Void> ReadLimits(const Arguments& arguments, v1::ResourceLimits* limits) {
  const auto ulimits = ParsePairs("ulimit", arguments.All("ulimit"));
  if (!ulimits.ok()) return ulimits.error();
  for (const auto& [name, value] : ulimits.value()) {
    if (const auto read = ReadUlimit(name, value, limits); !read.ok()) return read.error();
  }
  if (const auto memory = arguments.Get("memory")) {
    const Result<uint64_t> bytes = ParseSize("--memory", *memory);
    if (!bytes.ok()) return bytes.error();
    limits->set_memory(bytes.value());
  }
  if (const auto cpus = arguments.Get("cpus")) {
    const Result<uint32_t> milli = ParseCpus(*cpus);
    if (!milli.ok()) return milli.error();
    limits->set_cpu_milli(milli.value());
  }
  if (const auto pids = arguments.Get("pids")) {
    const Result<uint64_t> number = ParseNumber("pids", *pids, 1, kMaxPids);
    if (!number.ok()) return number.error();
    limits->set_pids(static_cast<uint32_t>(number.value()));
  }
  return Void{};
}

void FillInLimits(const v1::ResourceLimits& defaults, v1::ResourceLimits* limits) {
  if (limits->open_files() == 0) limits->set_open_files(defaults.open_files());
  if (limits->address_space() == 0) limits->set_address_space(defaults.address_space());
  if (defaults.has_cpu_time() && !limits->has_cpu_time()) *limits->mutable_cpu_time() = defaults.cpu_time();
  if (defaults.has_core_size() && !limits->has_core_size()) limits->set_core_size(defaults.core_size());
  if (limits->memory() == 0) limits->set_memory(defaults.memory());
  if (limits->cpu_milli() == 0) limits->set_cpu_milli(defaults.cpu_milli());
  if (limits->pids() == 0) limits->set_pids(defaults.pids());
}

}  // namespace

std::vector<Option> ProcessOptions() {
  return {
      {.name = "ulimit",
       .value = "NAME=N",
       .help = "limit of each process: open-files=64, address-space=2G,\n"
               "cpu-time=30s or core-size=0; may be repeated",
       .repeated = true},
      {.name = "memory", .value = "SIZE", .help = "memory of all processes of a task, as in 512M"},
      {.name = "cpus", .value = "N", .help = "processors for all processes of a task, as in 1.5"},
      {.name = "pids", .value = "N", .help = "processes and threads of a task"},
      {.name = "user", .value = "USER", .help = "user that processes run as; for a daemon that is root"},
      {.name = "group", .value = "GROUP", .help = "group that processes run as, and their only one"},
      {.name = "umask", .value = "MODE", .help = "octal mask for files that they make; default: 022"},
      {.name = "nice", .value = "N", .help = "niceness, -20..19"},
      {.name = "inherit-env", .help = "give processes the daemon's whole environment"},
      {.name = "stdout-file",
       .value = "PATH",
       .help = "send standard output to a file of the daemon's machine"},
      {.name = "stderr-file", .value = "PATH", .help = "the same for standard error"},
      {.name = "append", .help = "keep what these files have and write behind it"},
  };
}

Result<Void> ReadProcessOptions(const Arguments& arguments, v1::ProcessSpec* process) {
  v1::ResourceLimits limits;
  if (const auto read = ReadLimits(arguments, &limits); !read.ok()) return read.error();
  if (limits.ByteSizeLong() > 0) *process->mutable_limits() = limits;
  process->set_user(arguments.Get("user").value_or(""));
  process->set_group(arguments.Get("group").value_or(""));
  process->set_umask(arguments.Get("umask").value_or(""));
  if (const auto nice = arguments.Get("nice")) {
    int number = 0;
    if (!ParseWhole(*nice, &number) || number < kMinNice || number > kMaxNice) {
      return UsageError("--nice must be -20..19, got " + Printable(*nice));
    }
    process->set_nice(number);
  }
  process->set_inherit_env(arguments.Has("inherit-env"));
  const auto read_file = [&arguments](std::string_view option, v1::OutputFile* file) -> Result<Void> {
    const std::string path = *arguments.Get(option);
    if (!path.starts_with('/')) {
      return UsageError("--" + std::string(option) + " must be an absolute path, got " + Printable(path));
    }
    file->set_path(path);
    file->set_append(arguments.Has("append"));
    return Void{};
  };
  if (arguments.Has("stdout-file")) {
    if (const auto read = read_file("stdout-file", process->mutable_stdout_file()); !read.ok()) return read;
  }
  if (arguments.Has("stderr-file")) {
    if (const auto read = read_file("stderr-file", process->mutable_stderr_file()); !read.ok()) return read;
  }
  if (arguments.Has("append") && !process->has_stdout_file() && !process->has_stderr_file()) {
    return UsageError("--append goes with --stdout-file or --stderr-file");
  }
  return Void{};
}

void FillIn(const v1::ProcessSpec& defaults, v1::ProcessSpec* process) {
  if (defaults.has_limits()) FillInLimits(defaults.limits(), process->mutable_limits());
  if (process->user().empty() && process->group().empty()) {
    process->set_user(defaults.user());
    process->set_group(defaults.group());
  }
  if (process->umask().empty()) process->set_umask(defaults.umask());
  if (process->nice() == 0) process->set_nice(defaults.nice());
  if (defaults.inherit_env()) process->set_inherit_env(true);
  if (defaults.has_stdout_file() && !process->has_stdout_file()) {
    *process->mutable_stdout_file() = defaults.stdout_file();
  }
  if (defaults.has_stderr_file() && !process->has_stderr_file()) {
    *process->mutable_stderr_file() = defaults.stderr_file();
  }
}

}  // namespace covey::cli
