#include "client/cli/group_filter.h"

#include <google/protobuf/util/time_util.h>

#include <chrono>
#include <string>

#include "client/cli/format.h"
#include "client/cli/text.h"
#include "core/base/duration.h"

namespace covey::cli {
namespace {

using google::protobuf::util::TimeUtil;

constexpr int kPageSize = 1000;  // the most that the contract allows

// "2h" is that long ago; anything else is an instant in RFC 3339.
Result<google::protobuf::Timestamp> ParseTime(std::string_view option, const std::string& text) {
  google::protobuf::Timestamp time;
  if (const Result<std::chrono::nanoseconds> ago = ParseDuration(text); ago.ok()) {
    const auto instant = std::chrono::system_clock::now().time_since_epoch() - ago.value();
    return TimeUtil::NanosecondsToTimestamp(
        std::chrono::duration_cast<std::chrono::nanoseconds>(instant).count());
  }
  if (TimeUtil::FromString(text, &time)) return time;
  return UsageError("--" + std::string(option) +
                    " must be a time as 2024-05-06T07:08:09Z or how long ago it was as 2h, got " +
                    (text.empty() ? "nothing" : Printable(text)));
}

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
                     .help = "only groups created at this time or later: 2024-05-06T07:08:09Z,\n"
                             "or how long ago, as in 2h"});
  options.push_back({.name = "before", .value = "TIME", .help = "only groups created before this time"});
  return options;
}

Result<v1::ListGroupsRequest> ReadFilter(const Arguments& arguments, bool all) {
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
    const Result<google::protobuf::Timestamp> time = ParseTime("since", *since);
    if (!time.ok()) return time.error();
    *request.mutable_created_after() = time.value();
  }
  if (const auto before = arguments.Get("before")) {
    const Result<google::protobuf::Timestamp> time = ParseTime("before", *before);
    if (!time.ok()) return time.error();
    *request.mutable_created_before() = time.value();
  }
  return request;
}

}  // namespace covey::cli
