#include "client/cli/group_options.h"

#include <optional>
#include <string>
#include <string_view>

#include "client/cli/text.h"
#include "core/base/duration.h"
#include "covey/client/task.h"

namespace covey::cli {

std::vector<Option> GroupOptions() {
  return {
      {.name = "policy",
       .value = "POLICY",
       .choices = "all settled any",
       .help = "all: the first failure stops the rest (default);\n"
               "settled: run everything, then fail if anything failed;\n"
               "any: the first success stops the rest"},
      {.name = "max-failures", .value = "N", .help = "with --policy all: failures to take without failing"},
      {.name = "halt",
       .value = "WHEN",
       .help = "the same in the words of GNU parallel: never, now,fail=N or\nnow,success=1"},
      {.name = "limit", .letter = 'j', .value = "N", .help = "tasks that run at once, 1..65536"},
      {.name = "timeout", .value = "D", .help = "fail when the group takes longer, as in 10s or 1.5h"},
      {.name = "pool", .value = "POOL", .help = "pool that gives the slots; default: default"},
      {.name = "name", .value = "S", .help = "name of the group, for people"},
      {.name = "label", .value = "K=V", .help = "label of the group; may be repeated", .repeated = true},
  };
}

namespace {

// never: --policy settled; now,fail=N: --policy all --max-failures N-1; now,success=1: --policy any.
Result<Void> ReadHalt(const Arguments& arguments, v1::GroupSpec* spec) {
  constexpr std::string_view kFail = "now,fail=";
  const std::optional<std::string> when = arguments.Get("halt");
  if (!when) return Void{};
  for (const std::string_view other : {"policy", "max-failures"}) {
    if (arguments.Has(other))
      return UsageError("--halt and --" + std::string(other) + " are two words for one thing");
  }
  if (*when == "never") {
    spec->set_policy(v1::POLICY_ALL_SETTLED);
  } else if (*when == "now,success=1") {
    spec->set_policy(v1::POLICY_ANY);
  } else if (when->starts_with(kFail) && when->find('%') == std::string::npos) {
    const Result<uint64_t> failures = ParseNumber("halt now,fail", when->substr(kFail.size()), 1, UINT32_MAX);
    if (!failures.ok()) return failures.error();
    spec->set_policy(v1::POLICY_ALL);
    spec->set_max_failures(static_cast<uint32_t>(failures.value() - 1));
  } else {
    return UsageError("--halt must be never, now,fail=N or now,success=1, got " + Printable(*when) +
                      (when->starts_with("soon") ? "; what decides a group stops what runs of it" : ""));
  }
  return Void{};
}

}  // namespace

Result<Void> ReadGroupOptions(const Arguments& arguments, v1::GroupSpec* spec) {
  const std::string policy = arguments.Get("policy").value_or("");
  if (policy == "all") spec->set_policy(v1::POLICY_ALL);
  if (policy == "settled") spec->set_policy(v1::POLICY_ALL_SETTLED);
  if (policy == "any") spec->set_policy(v1::POLICY_ANY);
  if (const Result<Void> halt = ReadHalt(arguments, spec); !halt.ok()) return halt;
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
  spec->set_name(arguments.Get("name").value_or(""));
  spec->set_pool(arguments.Get("pool").value_or(""));
  const auto labels = ParsePairs("label", arguments.All("label"));
  if (!labels.ok()) return labels.error();
  spec->mutable_labels()->insert(labels.value().begin(), labels.value().end());
  return Void{};
}

}  // namespace covey::cli
