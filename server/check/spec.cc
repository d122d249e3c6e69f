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

void CheckProcess(const FieldPath& path, const v1::ProcessSpec& process, Collector& out) {
  CheckArguments(path.Field("argv"), process, out);
  CheckEnvironment(path.Field("env"), process, out);
  const std::string& dir = process.working_dir();
  const FieldPath dir_path = path.Field("working_dir");
  if (!dir.empty() && (dir[0] != '/' || HasNul(dir))) {
    out.Add(dir_path, "must be an absolute path without NUL, got " + Quoted(dir));
  }
  CheckBytes(dir_path, dir.size(), kMaxPath, out);
  CheckBytes(path.Field("stdin"), process.stdin().size(), kMiB, out);
  if (!process.stop_signal().empty() && !ParseSignal(process.stop_signal()).has_value()) {
    out.Add(path.Field("stop_signal"),
            "must be 1..64 or a name such as \"SIGTERM\", got " + Quoted(process.stop_signal()));
  }
  if (process.has_grace()) CheckDuration(path.Field("grace"), process.grace(), kMaxGraceSeconds, out);
}

void CheckTask(const FieldPath& path, const v1::TaskSpec& task, Collector& out) {
  CheckName(path.Field("name"), task.name(), Presence::kOptional, out);
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
}

// Every name once.
void CheckUnique(const FieldPath& path, const google::protobuf::RepeatedPtrField<v1::TaskSpec>& tasks,
                 bool first_of_group, Collector& out) {
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
  if (!first_of_group) return;
  for (int i = 0; i < tasks.size() && !out.full(); ++i) {
    if (!tasks[i].name().empty()) continue;
    const auto other = seen.find(std::to_string(i));
    if (other == seen.end()) continue;
    const FieldPath task = path.Index(other->second);
    out.Add(task.Field("name"), "must be unique in the group, got " + Quoted(other->first) +
                                    ", the name of " + path.Index(static_cast<size_t>(i)).ToString() +
                                    ", which has none of its own");
  }
}

}  // namespace

void CheckGroupSpec(const FieldPath& path, const v1::GroupSpec& spec, Collector& out) {
  CheckName(path.Field("name"), spec.name(), Presence::kOptional, out);
  CheckLabels(path.Field("labels"), spec.labels(), out);
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

void CheckTasks(const FieldPath& path, const google::protobuf::RepeatedPtrField<v1::TaskSpec>& tasks,
                Presence presence, bool first_of_group, Collector& out) {
  const auto count = static_cast<size_t>(tasks.size());
  const size_t least = presence == Presence::kRequired ? 1 : 0;
  if (count < least || count > kMaxTasksPerMessage) {
    out.Add(path, "must have " + std::to_string(least) + ".." + std::to_string(kMaxTasksPerMessage) +
                      " entries, got " + std::to_string(count));
    return;
  }
  for (size_t i = 0; i < count && !out.full(); ++i) CheckTask(path.Index(i), tasks[static_cast<int>(i)], out);
  CheckUnique(path, tasks, first_of_group, out);
}

}  // namespace covey
