#include "server/journal/storage_values.h"

#include <utility>
#include <variant>

namespace covey::storage {
namespace {

using Pairs = google::protobuf::RepeatedPtrField<v1::Pair>;

void Store(const Labels& pairs, Pairs* out) {
  for (const auto& [key, value] : pairs) {
    v1::Pair* pair = out->Add();
    pair->set_key(key);
    pair->set_value(value);
  }
}

Labels Load(Pairs* in) {
  Labels pairs;
  pairs.reserve(static_cast<size_t>(in->size()));
  for (v1::Pair& pair : *in) {
    pairs.emplace_back(std::move(*pair.mutable_key()), std::move(*pair.mutable_value()));
  }
  return pairs;
}

void Store(const ResourceLimits& limits, v1::Limits* out) {
  out->set_open_files(limits.open_files);
  out->set_address_space(limits.address_space);
  out->set_cpu_nanos(limits.cpu_time.count());
  if (limits.core_size) out->set_core_size(*limits.core_size);
  out->set_memory(limits.memory);
  out->set_cpu_milli(limits.cpu_milli);
  out->set_pids(limits.pids);
}

ResourceLimits Load(const v1::Limits& in) {
  ResourceLimits limits;
  limits.open_files = in.open_files();
  limits.address_space = in.address_space();
  limits.cpu_time = std::chrono::nanoseconds(in.cpu_nanos());
  if (in.has_core_size()) limits.core_size = in.core_size();
  limits.memory = in.memory();
  limits.cpu_milli = in.cpu_milli();
  limits.pids = in.pids();
  return limits;
}

void Store(const OutputFile& file, v1::File* out) {
  out->set_path(file.path);
  out->set_append(file.append);
  out->set_mode(file.mode);
}

OutputFile Load(v1::File* in) {
  return {.path = std::move(*in->mutable_path()), .append = in->append(), .mode = in->mode()};
}

void Store(const ProcessSpec& process, v1::Process* out) {
  for (const std::string& argument : process.argv) out->add_argv(argument);
  Store(process.env, out->mutable_env());
  out->set_working_dir(process.working_dir);
  out->set_stdin(process.stdin_bytes);
  out->set_stop_signal(process.stop_signal);
  out->set_grace_nanos(process.grace.count());
  const ProcessSpec none;
  if (process.limits != none.limits) Store(process.limits, out->mutable_limits());
  out->set_user(process.user);
  out->set_group(process.group);
  if (process.umask != none.umask) out->set_umask(process.umask);
  out->set_nice(process.nice);
  out->set_inherit_env(process.inherit_env);
  if (process.linger != none.linger) out->set_linger_nanos(process.linger.count());
  if (!process.stdout_file.path.empty()) Store(process.stdout_file, out->mutable_stdout_file());
  if (!process.stderr_file.path.empty()) Store(process.stderr_file, out->mutable_stderr_file());
}

ProcessSpec Load(v1::Process* in) {
  ProcessSpec process;
  for (std::string& argument : *in->mutable_argv()) process.argv.push_back(std::move(argument));
  process.env = Load(in->mutable_env());
  process.working_dir = std::move(*in->mutable_working_dir());
  process.stdin_bytes = std::move(*in->mutable_stdin());
  process.stop_signal = in->stop_signal();
  process.grace = std::chrono::nanoseconds(in->grace_nanos());
  if (in->has_limits()) process.limits = Load(in->limits());
  process.user = std::move(*in->mutable_user());
  process.group = std::move(*in->mutable_group());
  if (in->has_umask()) process.umask = in->umask();
  process.nice = in->nice();
  process.inherit_env = in->inherit_env();
  if (in->has_linger_nanos()) process.linger = std::chrono::nanoseconds(in->linger_nanos());
  if (in->has_stdout_file()) process.stdout_file = Load(in->mutable_stdout_file());
  if (in->has_stderr_file()) process.stderr_file = Load(in->mutable_stderr_file());
  return process;
}

}  // namespace

void Store(const GroupSpec& spec, v1::GroupSpec* out) {
  out->set_id(spec.id);
  out->set_name(spec.name);
  Store(spec.labels, out->mutable_labels());
  out->set_pool(spec.pool);
  out->set_limit(spec.limit);
  out->set_policy(static_cast<uint32_t>(spec.policy));
  out->set_max_failures(spec.max_failures);
  out->set_timeout_nanos(spec.timeout.count());
  out->set_deadline(ToMicros(spec.deadline));
  out->set_attached(spec.attached);
  Store(spec.annotations, out->mutable_annotations());
}

GroupSpec Load(v1::GroupSpec* in, std::string* problem) {
  GroupSpec spec;
  spec.id = std::move(*in->mutable_id());
  spec.name = std::move(*in->mutable_name());
  spec.labels = Load(in->mutable_labels());
  spec.pool = std::move(*in->mutable_pool());
  spec.limit = in->limit();
  spec.policy = FromNumber(in->policy(), state::Policy::kAll, state::Policy::kAny, "policy", problem);
  spec.max_failures = in->max_failures();
  spec.timeout = std::chrono::nanoseconds(in->timeout_nanos());
  spec.deadline = FromMicros(in->deadline());
  spec.attached = in->attached();
  spec.annotations = Load(in->mutable_annotations());
  return spec;
}

void Store(const TaskSpec& spec, v1::TaskSpec* out) {
  out->set_name(spec.name);
  if (const auto* function = std::get_if<FunctionSpec>(&spec.work)) {
    out->mutable_function()->set_name(function->name);
    Store(function->payload, out->mutable_function()->mutable_payload());
  } else if (const auto* process = std::get_if<std::shared_ptr<const ProcessSpec>>(&spec.work)) {
    Store(**process, out->mutable_process());
  } else {
    const auto& opaque = std::get<OpaqueSpec>(spec.work);
    out->mutable_opaque()->set_kind(opaque.kind);
    out->mutable_opaque()->set_message(opaque.message);
  }
  out->set_timeout_nanos(spec.timeout.count());
  Store(spec.labels, out->mutable_labels());
  out->set_rerun_on_restart(spec.rerun_on_restart);
  Store(spec.annotations, out->mutable_annotations());
}

TaskSpec Load(v1::TaskSpec* in, std::string* problem) {
  TaskSpec spec;
  spec.name = std::move(*in->mutable_name());
  switch (in->work_case()) {
    case v1::TaskSpec::kFunction:
      spec.work = FunctionSpec{.name = std::move(*in->mutable_function()->mutable_name()),
                               .payload = Load(in->mutable_function()->mutable_payload())};
      break;
    case v1::TaskSpec::kProcess:
      spec.work = std::make_shared<const ProcessSpec>(Load(in->mutable_process()));
      break;
    case v1::TaskSpec::kOpaque:
      spec.work = OpaqueSpec{.kind = in->opaque().kind(),
                             .message = std::move(*in->mutable_opaque()->mutable_message())};
      break;
    case v1::TaskSpec::WORK_NOT_SET:
      *problem = "the kind of work of a task is not known to this version";
      break;
  }
  spec.timeout = std::chrono::nanoseconds(in->timeout_nanos());
  spec.labels = Load(in->mutable_labels());
  spec.rerun_on_restart = in->rerun_on_restart();
  spec.annotations = Load(in->mutable_annotations());
  return spec;
}

void Store(const Payload& payload, v1::Payload* out) {
  out->set_bytes(payload.bytes);
  out->set_content_type(payload.content_type);
  out->set_is_text(payload.is_text);
}

Payload Load(v1::Payload* in) {
  return {.bytes = std::move(*in->mutable_bytes()),
          .content_type = std::move(*in->mutable_content_type()),
          .is_text = in->is_text()};
}

void Store(const Failure& failure, v1::Failure* out) {
  out->set_kind(static_cast<uint32_t>(failure.kind));
  out->set_code(failure.code);
  out->set_message(failure.message);
  out->set_detail(failure.detail);
  out->set_task(failure.task);
  out->set_attempt(failure.attempt);
}

Failure Load(v1::Failure* in, std::string* problem) {
  return {.kind = FromNumber(in->kind(), FailureKind::kNone, FailureKind::kRejected, "failure kind", problem),
          .code = in->code(),
          .message = std::move(*in->mutable_message()),
          .detail = std::move(*in->mutable_detail()),
          .task = std::move(*in->mutable_task()),
          .attempt = in->attempt()};
}

}  // namespace covey::storage
