#include "client/cli/group_filter.h"

#include <string>

#include "client/cli/format.h"
#include "client/cli/text.h"

namespace covey::cli {
namespace {

constexpr int kPageSize = 1000;  // the most that the contract allows

}  // namespace

std::vector<Option> ChoosingOptions() {
  return {
      {.name = "label",
       .value = "K=V",
       .help = "only groups with this label; may be repeated",
       .repeated = true},
      {.name = "name", .value = "PREFIX", .help = "only groups whose name begins so"},
  };
}

std::vector<Option> FilterOptions() {
  std::vector<Option> options = ChoosingOptions();
  options.push_back({.name = "state",
                     .value = "STATE",
                     .choices = "running stopping succeeded failed cancelled",
                     .help = "only groups in this state; may be repeated",
                     .repeated = true});
  options.push_back({.name = "since",
                     .value = "TIME",
                     .help = "only groups created at this time or later: 18:00, 2026-11-27,\n"
                             "yesterday, 2026-11-27T18:00:00Z, or how long ago, as in 2h"});
  options.push_back({.name = "before", .value = "TIME", .help = "only groups created before this time"});
  return options;
}

Result<v1::ListGroupsRequest> ReadFilter(const Arguments& arguments, bool all, WallClock::time_point now) {
  v1::ListGroupsRequest request;
  request.set_page_size(kPageSize);
  const auto labels = ParsePairs("label", arguments.All("label"));
  if (!labels.ok()) return labels.error();
  request.mutable_labels()->insert(labels.value().begin(), labels.value().end());
  request.set_name_prefix(arguments.Get("name").value_or(""));
  for (const std::string& state : arguments.All("state")) {
    for (int number = v1::GroupState_MIN; number <= v1::GroupState_MAX; ++number) {
      if (StateText(static_cast<v1::GroupState>(number)) == state)
        request.add_states(static_cast<v1::GroupState>(number));
    }
  }
  if (request.states().empty() && !all) {
    request.add_states(v1::GROUP_STATE_RUNNING);
    request.add_states(v1::GROUP_STATE_STOPPING);
  }
  if (const auto since = arguments.Get("since")) {
    const Result<google::protobuf::Timestamp> time = ParseWhen("since", *since, now);
    if (!time.ok()) return time.error();
    *request.mutable_created_after() = time.value();
  }
  if (const auto before = arguments.Get("before")) {
    const Result<google::protobuf::Timestamp> time = ParseWhen("before", *before, now);
    if (!time.ok()) return time.error();
    *request.mutable_created_before() = time.value();
  }
  return request;
}

}  // namespace covey::cli
