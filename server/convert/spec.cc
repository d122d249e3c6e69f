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

std::shared_ptr<const ProcessSpec> ToProcess(const v1::ProcessSpec& spec) {
  auto process = std::make_shared<ProcessSpec>();
  process->argv.assign(spec.argv().begin(), spec.argv().end());
  process->env = SortedPairs(spec.env());
  process->working_dir = spec.working_dir();
  process->stdin_bytes = spec.stdin();
  if (!spec.stop_signal().empty()) process->stop_signal = ParseSignal(spec.stop_signal()).value_or(SIGTERM);
  if (spec.has_grace()) process->grace = ToCore(spec.grace());
  return process;
}

void FillProcess(const ProcessSpec& process, v1::ProcessSpec* out) {
  out->mutable_argv()->Assign(process.argv.begin(), process.argv.end());
  out->set_working_dir(process.working_dir);
  out->set_stop_signal(SignalName(process.stop_signal));
  *out->mutable_grace() = ToProto(process.grace);
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
  } else {
    out.work = FunctionSpec{.name = spec.function().name(), .payload = ToCore(spec.function().payload())};
  }
  out.timeout = ToCore(spec.timeout());
  out.labels = SortedPairs(spec.labels());
  out.rerun_on_restart = spec.rerun_on_restart();
  return out;
}

v1::TaskSpec ToProto(const TaskSpec& spec) {
  v1::TaskSpec out;
  out.set_name(spec.name);
  if (const auto* function = std::get_if<FunctionSpec>(&spec.work)) {
    out.mutable_function()->set_name(function->name);
    *out.mutable_function()->mutable_payload() = ToProto(function->payload);
  } else if (const auto& process = std::get<std::shared_ptr<const ProcessSpec>>(spec.work)) {
    FillProcess(*process, out.mutable_process());
  }
  if (spec.timeout.count() != 0) *out.mutable_timeout() = ToProto(spec.timeout);
  FillMap(spec.labels, out.mutable_labels());
  out.set_rerun_on_restart(spec.rerun_on_restart);
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
  return out;
}

v1::GroupSpec ToProto(const GroupSpec& spec) {
  v1::GroupSpec out;
  out.set_name(spec.name);
  FillMap(spec.labels, out.mutable_labels());
  out.set_pool(spec.pool);
  out.set_limit(spec.limit);
  out.set_policy(FromPolicy(spec.policy));
  out.set_max_failures(spec.max_failures);
  if (spec.timeout.count() != 0) *out.mutable_timeout() = ToProto(spec.timeout);
  return out;
}

}  // namespace covey
