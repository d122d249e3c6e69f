#include "client/cli/top_snapshot.h"

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "client/cli/format.h"
#include "client/cli/line_splitter.h"
#include "client/cli/text.h"

namespace covey::cli {
namespace {

constexpr client::CallOptions kTopPatience{.timeout = std::chrono::seconds(5)};
constexpr int kMostRows = 1000;

Result<TopGroup> LookAtGroup(client::Client& client, const std::string& id) {
  Result<v1::Group> group = client.GetGroup(id, kTopPatience);
  if (!group.ok()) return group.error();
  v1::ListTasksRequest request;
  request.set_group_id(id);
  request.set_page_size(kMostRows);
  const Result<v1::ListTasksResponse> tasks = client.ListTasks(request, kTopPatience);
  if (!tasks.ok()) return tasks.error();
  return TopGroup{.group = std::move(group.value()),
                  .tasks = {tasks.value().tasks().begin(), tasks.value().tasks().end()}};
}

Result<TopLogs> LookAtLogs(client::Client& client, const TopPlace& place) {
  constexpr uint64_t kMostBytes = 32 << 10;
  Result<v1::Task> task = client.GetTask(place.group, place.task, kTopPatience);
  if (!task.ok()) return task.error();
  const uint64_t written = place.standard_error ? task.value().stderr_bytes() : task.value().stdout_bytes();
  TopLogs logs{.task = std::move(task.value()), .standard_error = place.standard_error, .lines = {}};
  v1::ReadOutputRequest request;
  request.set_group_id(place.group);
  request.set_task(place.task);
  request.set_stream(place.standard_error ? v1::OUTPUT_STREAM_STDERR : v1::OUTPUT_STREAM_STDOUT);
  request.set_offset(written > kMostBytes ? written - kMostBytes : 0);
  const std::unique_ptr<client::OutputReader> stream = client.ReadOutput(request, kTopPatience);
  LineSplitter splitter;
  const auto add = [&logs](std::string_view line) { logs.lines.push_back(Printable(line)); };
  for (v1::ReadOutputResponse message; stream->Next(&message);) splitter.Feed(message.chunk().data(), add);
  splitter.Flush(add);
  if (const Result<Void> end = stream->Finish(); !end.ok()) return end.error();
  return logs;
}

// What was seen, as a look.
template <typename Seen>
Result<TopLook> AsLook(const TopPlace& place, Result<Seen> seen) {
  if (!seen.ok()) return seen.error();
  return TopLook{.place = place, .seen = std::move(seen.value())};
}

}  // namespace

Result<TopSnapshot> TakeSnapshot(client::Client client) {
  TopSnapshot snapshot;
  const Result<v1::GetServerInfoResponse> info = client.GetServerInfo(kTopPatience);
  if (!info.ok()) return info.error();
  snapshot.info = info.value();
  const Result<std::vector<v1::Pool>> pools = client.ListPools(kTopPatience);
  if (!pools.ok() && pools.error().code != ErrorCode::kUnimplemented) return pools.error();
  if (pools.ok()) snapshot.pools = pools.value();  // an older daemon has none to show
  v1::ListGroupsRequest request;
  request.set_page_size(kMostRows);
  request.add_states(v1::GROUP_STATE_RUNNING);
  request.add_states(v1::GROUP_STATE_STOPPING);
  const Result<v1::ListGroupsResponse> groups = client.ListGroups(request, kTopPatience);
  if (!groups.ok()) return groups.error();
  snapshot.groups.assign(groups.value().groups().begin(), groups.value().groups().end());
  snapshot.time = std::chrono::steady_clock::now();
  return snapshot;
}

Result<TopLook> LookAt(client::Client client, const TopPlace& place) {
  switch (place.kind) {
    case TopPlace::Kind::kGroup:
      return AsLook(place, LookAtGroup(client, place.group));
    case TopPlace::Kind::kLogs:
      return AsLook(place, LookAtLogs(client, place));
    case TopPlace::Kind::kOverview:
      break;
  }
  return AsLook(place, TakeSnapshot(std::move(client)));
}

Result<std::string> CancelFromTop(client::Client client, const TopModel::Cancelled& target) {
  constexpr std::string_view kReason = "cancelled in covey top";
  if (target.task.empty()) {
    const Result<v1::Group> group = client.CancelGroup(target.group, kReason, false, kTopPatience);
    if (!group.ok()) return group.error();
    return "cancelled group " + Printable(target.group) + ": " +
           std::string(StateText(group.value().state()));
  }
  const Result<v1::Task> task = client.CancelTask(target.group, target.task, kReason, false, kTopPatience);
  if (!task.ok()) return task.error();
  return "cancelled task " + Printable(target.task) + ": " + std::string(StateText(task.value().state()));
}

}  // namespace covey::cli
