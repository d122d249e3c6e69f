#include <algorithm>
#include <utility>

#include "server/convert/convert.h"
#include "server/convert/utf8.h"

namespace covey {
namespace {

using ProtoMap = google::protobuf::Map<std::string, std::string>;
using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs SortedPairs(const ProtoMap& map) {
  Pairs pairs(map.begin(), map.end());
  std::sort(pairs.begin(), pairs.end());
  return pairs;
}

void FillMap(const Pairs& pairs, ProtoMap* map) {
  for (const auto& [key, value] : pairs) (*map)[key] = value;
}

ResourceLimits ToLimits(const v1::ResourceLimits& limits) {
  ResourceLimits out;
  out.open_files = limits.open_files();
  out.address_space = limits.address_space();
  out.cpu_time = ToCore(limits.cpu_time());
  if (limits.has_core_size()) out.core_size = limits.core_size();
  out.memory = limits.memory();
  out.cpu_milli = limits.cpu_milli();
  out.pids = limits.pids();
  return out;
}

void FillLimits(const ResourceLimits& limits, v1::ResourceLimits* out) {
  out->set_open_files(limits.open_files);
  out->set_address_space(limits.address_space);
  if (limits.cpu_time.count() != 0) *out->mutable_cpu_time() = ToProto(limits.cpu_time);
  if (limits.core_size) out->set_core_size(*limits.core_size);
  out->set_memory(limits.memory);
  out->set_cpu_milli(limits.cpu_milli);
  out->set_pids(limits.pids);
}

OutputFile ToFile(const v1::OutputFile& file) {
  return {.path = file.path(),
          .append = file.append(),
          .mode = ParseMode(file.mode()).value_or(kDefaultFileMode)};
}

void FillFile(const OutputFile& file, v1::OutputFile* out) {
  out->set_path(file.path);
  out->set_append(file.append);
  out->set_mode(ModeText(file.mode));
}

std::shared_ptr<const ProcessSpec> ToProcess(const v1::ProcessSpec& spec) {
  auto process = std::make_shared<ProcessSpec>();
  process->argv.assign(spec.argv().begin(), spec.argv().end());
  process->env = SortedPairs(spec.env());
  process->working_dir = spec.working_dir();
  process->stdin_bytes = spec.standard_input();
  if (!spec.stop_signal().empty()) process->stop_signal = ParseSignal(spec.stop_signal()).value_or(SIGTERM);
  if (spec.has_grace()) process->grace = ToCore(spec.grace());
  if (spec.has_linger()) process->linger = ToCore(spec.linger());
  process->limits = ToLimits(spec.limits());
  process->user = spec.user();
  process->group = spec.group();
  if (const auto umask = ParseMode(spec.umask())) process->umask = *umask;
  process->nice = spec.nice();
  process->inherit_env = spec.inherit_env();
  if (spec.has_stdout_file()) process->stdout_file = ToFile(spec.stdout_file());
  if (spec.has_stderr_file()) process->stderr_file = ToFile(spec.stderr_file());
  return process;
}

void FillProcess(const ProcessSpec& process, v1::ProcessSpec* out) {
  out->mutable_argv()->Assign(process.argv.begin(), process.argv.end());
  out->set_working_dir(process.working_dir);
  out->set_stop_signal(SignalName(process.stop_signal));
  *out->mutable_grace() = ToProto(process.grace);
  *out->mutable_linger() = ToProto(process.linger);
  static const ResourceLimits kNone;
  if (process.limits != kNone) FillLimits(process.limits, out->mutable_limits());
  out->set_user(process.user);
  out->set_group(process.group);
  out->set_umask(ModeText(process.umask));
  out->set_nice(process.nice);
  out->set_inherit_env(process.inherit_env);
  if (!process.stdout_file.path.empty()) FillFile(process.stdout_file, out->mutable_stdout_file());
  if (!process.stderr_file.path.empty()) FillFile(process.stderr_file, out->mutable_stderr_file());
}

// The field of TaskSpec::work that has this number; null: it has none.
const google::protobuf::FieldDescriptor* WorkField(uint32_t kind) {
  const google::protobuf::FieldDescriptor* field =
      v1::TaskSpec::descriptor()->FindFieldByNumber(static_cast<int>(kind));
  return field != nullptr && field->containing_oneof() != nullptr ? field : nullptr;
}

// By reflection, so that a kind of work that core need not know changes nothing here.
OpaqueSpec ToOpaque(const v1::TaskSpec& spec) {
  OpaqueSpec out{.kind = static_cast<uint32_t>(spec.work_case())};
  if (const auto* field = WorkField(out.kind))
    out.message = spec.GetReflection()->GetMessage(spec, field).SerializeAsString();
  return out;
}

void FillOpaque(const OpaqueSpec& work, View view, v1::TaskSpec* out) {
  const google::protobuf::FieldDescriptor* field = WorkField(work.kind);
  if (field == nullptr) return;  // of a later version
  google::protobuf::Message* message = out->GetReflection()->MutableMessage(out, field);
  if (view != View::kBasic) message->ParseFromString(work.message);
}

state::Policy ToPolicy(v1::Policy policy) {
  switch (policy) {
    case v1::POLICY_ALL_SETTLED:
      return state::Policy::kAllSettled;
    case v1::POLICY_ANY:
      return state::Policy::kAny;
    default:
      return state::Policy::kAll;
  }
}

v1::Policy FromPolicy(state::Policy policy) {
  switch (policy) {
    case state::Policy::kAll:
      return v1::POLICY_ALL;
    case state::Policy::kAllSettled:
      return v1::POLICY_ALL_SETTLED;
    case state::Policy::kAny:
      return v1::POLICY_ANY;
  }
  return v1::POLICY_UNSPECIFIED;
}

}  // namespace

Payload ToCore(const v1::Payload& payload) {
  Payload out;
  out.is_text = payload.content_case() != v1::Payload::kData;
  out.bytes = out.is_text ? payload.text() : payload.data();
  out.content_type = payload.content_type();
  if (out.content_type.empty()) {
    out.content_type = out.is_text ? "text/plain; charset=utf-8" : "application/octet-stream";
  }
  return out;
}

v1::Payload ToProto(const Payload& payload) {
  v1::Payload out;
  if (payload.is_text && IsUtf8(payload.bytes)) {
    out.set_text(payload.bytes);
  } else {
    out.set_data(payload.bytes);
  }
  out.set_content_type(ToUtf8(payload.content_type));
  return out;
}

TaskSpec ToCore(const v1::TaskSpec& spec) {
  TaskSpec out;
  out.name = spec.name();
  if (spec.has_process()) {
    out.work = ToProcess(spec.process());
  } else if (spec.has_function()) {
    out.work = FunctionSpec{.name = spec.function().name(), .payload = ToCore(spec.function().payload())};
  } else {
    out.work = ToOpaque(spec);
  }
  out.timeout = ToCore(spec.timeout());
  out.labels = SortedPairs(spec.labels());
  out.rerun_on_restart = spec.rerun_on_restart();
  out.annotations = SortedPairs(spec.annotations());
  return out;
}

v1::TaskSpec ToProto(const TaskSpec& spec, View view) {
  v1::TaskSpec out;
  out.set_name(spec.name);
  if (const auto* function = std::get_if<FunctionSpec>(&spec.work)) {
    out.mutable_function()->set_name(function->name);
    if (view != View::kBasic) *out.mutable_function()->mutable_payload() = ToProto(function->payload);
  } else if (const auto* process = std::get_if<std::shared_ptr<const ProcessSpec>>(&spec.work)) {
    FillProcess(**process, out.mutable_process());
  } else {
    FillOpaque(std::get<OpaqueSpec>(spec.work), view, &out);
  }
  if (spec.timeout.count() != 0) *out.mutable_timeout() = ToProto(spec.timeout);
  FillMap(spec.labels, out.mutable_labels());
  out.set_rerun_on_restart(spec.rerun_on_restart);
  if (view != View::kBasic) FillMap(spec.annotations, out.mutable_annotations());
  return out;
}

GroupSpec ToCore(const v1::GroupSpec& spec, std::string id) {
  GroupSpec out;
  out.id = std::move(id);
  out.name = spec.name();
  out.labels = SortedPairs(spec.labels());
  if (!spec.pool().empty()) out.pool = spec.pool();
  out.limit = spec.limit();
  out.policy = ToPolicy(spec.policy());
  out.max_failures = spec.max_failures();
  out.timeout = ToCore(spec.timeout());
  out.annotations = SortedPairs(spec.annotations());
  return out;
}

v1::GroupSpec ToProto(const GroupSpec& spec, View view) {
  v1::GroupSpec out;
  out.set_name(spec.name);
  FillMap(spec.labels, out.mutable_labels());
  out.set_pool(spec.pool);
  out.set_limit(spec.limit);
  out.set_policy(FromPolicy(spec.policy));
  out.set_max_failures(spec.max_failures);
  if (spec.timeout.count() != 0) *out.mutable_timeout() = ToProto(spec.timeout);
  if (view != View::kBasic) FillMap(spec.annotations, out.mutable_annotations());
  return out;
}

}  // namespace covey
