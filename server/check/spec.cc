#include "server/check/spec.h"

#include <string>
#include <unordered_map>

#include "server/convert/convert.h"

namespace covey {
namespace {

constexpr size_t kMiB = 1 << 20;
constexpr size_t kMaxArguments = 4096;
constexpr size_t kMaxPath = 4095;  // PATH_MAX without its NUL
constexpr size_t kMaxContentType = 255;
constexpr int64_t kMaxGraceSeconds = 24 * 3600;
constexpr int64_t kMaxLingerSeconds = 3600;
constexpr int64_t kMinOpenFiles = 3;
constexpr int64_t kMaxOpenFiles = 1048576;
constexpr int64_t kMinCpuMilli = 10;
constexpr int64_t kMaxCpuMilli = 1024000;
constexpr int64_t kMaxPids = 4194304;
constexpr size_t kMaxAccount = 255;
constexpr int32_t kMinNice = -20;
constexpr int32_t kMaxNice = 19;

bool HasNul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

void CheckPayload(const FieldPath& path, const v1::Payload& payload, Collector& out) {
  CheckBytes(path.Field("text"), payload.text().size(), kMiB, out);
  CheckBytes(path.Field("data"), payload.data().size(), kMiB, out);
  CheckText(path.Field("content_type"), payload.content_type(), kMaxContentType, out);
}

void CheckArguments(const FieldPath& path, const v1::ProcessSpec& process, Collector& out) {
  const auto count = static_cast<size_t>(process.argv_size());
  if (count < 1 || count > kMaxArguments) {
    out.Add(path, "must have 1.." + std::to_string(kMaxArguments) + " entries, got " + std::to_string(count));
    return;
  }
  if (process.argv(0).empty()) out.Add(path.Index(0), "must name a program, got \"\"");
  size_t bytes = 0;
  for (size_t i = 0; i < count; ++i) {
    const std::string& argument = process.argv(static_cast<int>(i));
    bytes += argument.size();
    if (HasNul(argument)) out.Add(path.Index(i), "must not contain NUL, got " + Quoted(argument));
  }
  CheckBytes(path, bytes, kMiB, out);
}

void CheckEnvironment(const FieldPath& path, const v1::ProcessSpec& process, Collector& out) {
  size_t bytes = 0;
  for (const auto& [key, value] : process.env()) {
    bytes += key.size() + value.size();
    const FieldPath entry = path.Key(key);
    if (key.empty() || HasNul(key) || key.find('=') != std::string::npos) {
      out.Add(entry, "keys must not be empty nor contain '=' or NUL, got " + Quoted(key));
    } else if (key.starts_with("COVEY_")) {
      out.Add(entry, "keys must not begin with COVEY_, got " + Quoted(key));
    }
    if (HasNul(value)) out.Add(entry, "values must not contain NUL");
  }
  CheckBytes(path, bytes, kMiB, out);
}

void CheckPath(const FieldPath& path, const std::string& value, Presence presence, Collector& out) {
  const bool missing = value.empty() && presence == Presence::kRequired;
  if (missing || (!value.empty() && (value[0] != '/' || HasNul(value)))) {
    out.Add(path, "must be an absolute path without NUL, got " + Quoted(value));
  }
  CheckBytes(path, value.size(), kMaxPath, out);
}

// 0 is no limit.
void CheckLimit(const FieldPath& path, uint64_t value, int64_t low, int64_t high, Collector& out) {
  if (value != 0) CheckRange(path, static_cast<int64_t>(value), low, high, out);
}

void CheckSizeLimit(const FieldPath& path, uint64_t bytes, Collector& out) {
  if (bytes != 0 && bytes < kMiB) {
    out.Add(path,
            "must be 0 (none) or at least " + std::to_string(kMiB) + " bytes, got " + std::to_string(bytes));
  }
}

void CheckLimits(const FieldPath& path, const v1::ResourceLimits& limits, Collector& out) {
  CheckLimit(path.Field("open_files"), limits.open_files(), kMinOpenFiles, kMaxOpenFiles, out);
  CheckSizeLimit(path.Field("address_space"), limits.address_space(), out);
  if (limits.has_cpu_time()) {
    const google::protobuf::Duration& time = limits.cpu_time();
    const FieldPath time_path = path.Field("cpu_time");
    CheckDuration(time_path, time, kMaxTimeoutSeconds, out);
    if (time.seconds() == 0 && time.nanos() > 0) {
      out.Add(time_path, "must be 0 s (none) or at least 1 s, got " + std::to_string(time.nanos()) + " ns");
    }
  }
  CheckSizeLimit(path.Field("memory"), limits.memory(), out);
  CheckLimit(path.Field("cpu_milli"), limits.cpu_milli(), kMinCpuMilli, kMaxCpuMilli, out);
  CheckLimit(path.Field("pids"), limits.pids(), 1, kMaxPids, out);
}

// A name or a number. What names there are is the system's business; what no name and no number can be is
// told here.
void CheckAccount(const FieldPath& path, const std::string& value, Collector& out) {
  if (value.find_first_of(std::string_view(":\n\0", 3)) != std::string::npos) {
    out.Add(path, "must not contain ':', a line end or NUL, got " + Quoted(value));
  }
  CheckBytes(path, value.size(), kMaxAccount, out);
}

void CheckMode(const FieldPath& path, const std::string& value, Collector& out) {
  if (!value.empty() && !ParseMode(value)) {
    out.Add(path, "must be octal digits, \"0\"..\"0777\", got " + Quoted(value));
  }
}

void CheckOutputFile(const FieldPath& path, const v1::OutputFile& file, Collector& out) {
  CheckPath(path.Field("path"), file.path(), Presence::kRequired, out);
  CheckMode(path.Field("mode"), file.mode(), out);
}

void CheckOutputFiles(const FieldPath& path, const v1::ProcessSpec& process, Collector& out) {
  if (process.has_stdout_file()) CheckOutputFile(path.Field("stdout_file"), process.stdout_file(), out);
  if (!process.has_stderr_file()) return;
  const FieldPath stderr_path = path.Field("stderr_file");
  CheckOutputFile(stderr_path, process.stderr_file(), out);
  const v1::OutputFile& first = process.stdout_file();
  const v1::OutputFile& second = process.stderr_file();
  if (!process.has_stdout_file() || first.path() != second.path()) return;
  const auto mode = [](const v1::OutputFile& file) {
    return ParseMode(file.mode()).value_or(kDefaultFileMode);
  };
  if (first.append() != second.append() || mode(first) != mode(second)) {
    out.Add(stderr_path, "must have the append and the mode of stdout_file, since it is the same file, " +
                             Quoted(second.path()));
  }
}

void CheckProcess(const FieldPath& path, const v1::ProcessSpec& process, Collector& out) {
  CheckArguments(path.Field("argv"), process, out);
  CheckEnvironment(path.Field("env"), process, out);
  CheckPath(path.Field("working_dir"), process.working_dir(), Presence::kOptional, out);
  CheckBytes(path.Field("standard_input"), process.standard_input().size(), kMiB, out);
  if (!process.stop_signal().empty() && !ParseSignal(process.stop_signal()).has_value()) {
    out.Add(path.Field("stop_signal"),
            "must be 1..64 or a name such as \"SIGTERM\", got " + Quoted(process.stop_signal()));
  }
  if (process.has_grace()) CheckDuration(path.Field("grace"), process.grace(), kMaxGraceSeconds, out);
  if (process.has_linger()) CheckDuration(path.Field("linger"), process.linger(), kMaxLingerSeconds, out);
  if (process.has_limits()) {
    const FieldPath limits = path.Field("limits");
    CheckLimits(limits, process.limits(), out);
  }
  CheckAccount(path.Field("user"), process.user(), out);
  CheckAccount(path.Field("group"), process.group(), out);
  CheckMode(path.Field("umask"), process.umask(), out);
  CheckRange(path.Field("nice"), process.nice(), kMinNice, kMaxNice, out);
  CheckOutputFiles(path, process, out);
}

// The name of a task. Digits alone are the index of a task without one.
void CheckTaskName(const FieldPath& path, const std::string& name, Collector& out) {
  CheckName(path, name, Presence::kOptional, out);
  if (!name.empty() && name.find_first_not_of("0123456789") == std::string::npos) {
    out.Add(path, "must not be digits alone, which tell tasks without a name, got " + Quoted(name));
  }
}

// Every name once.
void CheckUnique(const FieldPath& path, const google::protobuf::RepeatedPtrField<v1::TaskSpec>& tasks,
                 Collector& out) {
  std::unordered_map<std::string_view, size_t> seen;
  seen.reserve(static_cast<size_t>(tasks.size()));
  for (int i = 0; i < tasks.size() && !out.full(); ++i) {
    const std::string& name = tasks[i].name();
    if (name.empty()) continue;
    const auto [other, is_new] = seen.try_emplace(name, static_cast<size_t>(i));
    if (is_new) continue;
    const FieldPath task = path.Index(static_cast<size_t>(i));
    out.Add(task.Field("name"), "must be unique in the group, got " + Quoted(name) + " as in " +
                                    path.Index(other->second).ToString());
  }
}

}  // namespace

void CheckGroupSpec(const FieldPath& path, const v1::GroupSpec& spec, Collector& out) {
  CheckName(path.Field("name"), spec.name(), Presence::kOptional, out);
  CheckLabels(path.Field("labels"), spec.labels(), out);
  CheckAnnotations(path.Field("annotations"), spec.annotations(), out);
  CheckId(path.Field("pool"), spec.pool(), Presence::kOptional, out);
  CheckRange(path.Field("limit"), spec.limit(), 0, kMaxSlots, out);
  CheckEnum(path.Field("policy"), spec.policy(), v1::Policy_IsValid(spec.policy()), true, out);
  const bool counts = spec.policy() == v1::POLICY_UNSPECIFIED || spec.policy() == v1::POLICY_ALL;
  if (spec.max_failures() != 0 && !counts) {
    out.Add(path.Field("max_failures"),
            "must be 0 unless policy is POLICY_ALL, got " + std::to_string(spec.max_failures()));
  }
  if (spec.has_timeout()) CheckDuration(path.Field("timeout"), spec.timeout(), kMaxTimeoutSeconds, out);
}

void CheckTask(const FieldPath& path, const v1::TaskSpec& task, Collector& out) {
  CheckTaskName(path.Field("name"), task.name(), out);
  switch (task.work_case()) {
    case v1::TaskSpec::kFunction: {
      const FieldPath function = path.Field("function");
      CheckName(function.Field("name"), task.function().name(), Presence::kRequired, out);
      if (task.function().has_payload()) {
        CheckPayload(function.Field("payload"), task.function().payload(), out);
      }
      break;
    }
    case v1::TaskSpec::kProcess:
      CheckProcess(path.Field("process"), task.process(), out);
      break;
    case v1::TaskSpec::WORK_NOT_SET:
      out.Add(path.Field("work"), "is required: function or process");
      break;
  }
  if (task.has_timeout()) CheckDuration(path.Field("timeout"), task.timeout(), kMaxTimeoutSeconds, out);
  CheckLabels(path.Field("labels"), task.labels(), out);
  CheckAnnotations(path.Field("annotations"), task.annotations(), out);
}

bool CheckTaskCount(const FieldPath& path, const google::protobuf::RepeatedPtrField<v1::TaskSpec>& tasks,
                    Presence presence, Collector& out) {
  const auto count = static_cast<size_t>(tasks.size());
  const size_t least = presence == Presence::kRequired ? 1 : 0;
  if (count >= least && count <= kMaxTasksPerMessage) return true;
  out.Add(path, "must have " + std::to_string(least) + ".." + std::to_string(kMaxTasksPerMessage) +
                    " entries, got " + std::to_string(count));
  return false;
}

void CheckTasks(const FieldPath& path, const google::protobuf::RepeatedPtrField<v1::TaskSpec>& tasks,
                Presence presence, Collector& out) {
  const auto count = static_cast<size_t>(tasks.size());
  if (!CheckTaskCount(path, tasks, presence, out)) return;
  for (size_t i = 0; i < count && !out.full(); ++i) CheckTask(path.Index(i), tasks[static_cast<int>(i)], out);
  CheckUnique(path, tasks, out);
}

}  // namespace covey
