#include <algorithm>
#include <functional>
#include <string>
#include <string_view>

#include "client/cli/command.h"
#include "client/cli/format.h"
#include "client/cli/text.h"
#include "core/base/duration.h"
#include "covey/client/task.h"

namespace covey::cli {
namespace {

std::string Joined(const google::protobuf::RepeatedPtrField<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + Printable(word);
  return text.empty() ? "-" : text;
}

// How full each bound of the groups that are over is.
void AddRetention(const v1::Retention& retention,
                  const std::function<void(std::string_view, const std::string&)>& line) {
  const auto of = [](uint64_t max, const std::string& text) {
    return max == 0 ? std::string() : " of " + text;
  };
  const auto age = [](const google::protobuf::Duration& duration) {
    return DurationText(client::FromProto(duration));
  };
  line("over", std::to_string(retention.groups()) +
                   of(retention.max_groups(), std::to_string(retention.max_groups())) + " groups, " +
                   BytesText(retention.bytes()) +
                   of(retention.max_bytes(), BytesText(retention.max_bytes())));
  std::string kept = retention.has_max_age() ? age(retention.max_age()) : "for ever";
  kept += retention.has_max_failed_age() ? ", failed ones " + age(retention.max_failed_age())
                                         : ", failed ones for ever";
  line("kept", kept);
  if (retention.purged_groups() > 0) {
    line("purged", std::to_string(retention.purged_groups()) + " groups since the start, " +
                       BytesText(retention.purged_bytes()));
  }
  if (retention.has_purges_from()) {
    line("purges", "nothing before " + TimeText(retention.purges_from()) + ", then " +
                       std::to_string(retention.waiting_groups()) + " groups, " +
                       BytesText(retention.waiting_bytes()) + ": an older version kept everything");
  }
}

std::string InfoText(const v1::GetServerInfoResponse& info) {
  std::string text;
  const auto line = [&text](std::string_view name, const std::string& value) {
    std::string padded(name);
    padded.resize(std::max<size_t>(padded.size() + 1, 11), ' ');
    text += padded + value + "\n";
  };
  line("version", Printable(info.version()));
  line("up", DurationText(client::FromProto(info.uptime())) + " since " + TimeText(info.start_time()));
  line("process", std::to_string(info.pid()));
  line("instance", Printable(info.instance_id()));
  line("listens", Joined(info.listen()));
  line("config", info.config_file().empty() ? "flags alone" : Printable(info.config_file()));
  line("journal", Printable(info.journal().backend()) +
                      (info.journal().durable() ? ", durable" : ", not durable") +
                      (info.journal().file_bytes() > 0 ? ", " + BytesText(info.journal().file_bytes()) : ""));
  line("control", Printable(info.process_control()));
  line("groups", std::to_string(info.running_groups()) + " running");
  line("tasks",
       std::to_string(info.running_tasks()) + " running, " + std::to_string(info.queued_tasks()) + " queued");
  if (info.has_retention()) AddRetention(info.retention(), line);
  line("functions", Joined(info.functions()));
  for (const v1::Bound& bound : info.bounds()) {
    line(Printable(bound.key()),
         std::to_string(bound.used()) + (bound.limit() == 0 ? "" : " of " + std::to_string(bound.limit())));
  }
  if (info.draining()) line("draining", "takes no new groups");
  for (const std::string& why : info.not_serving()) line("no work", Printable(why));
  return text;
}

int DoInfo(Session& session, const Arguments&) {
  Result<client::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.error());
  const Result<v1::GetServerInfoResponse> info = client.value().GetServerInfo();
  if (!info.ok()) return session.Fail(info.error());
  if (session.json()) {
    session.PrintJson(info.value());
  } else {
    session.Print(InfoText(info.value()));
  }
  return session.ExitWith(0);
}

}  // namespace

Command InfoCommand() {
  return {
      .name = "info",
      .synopsis = "",
      .summary = "tells about the daemon",
      .details =
          "Prints the daemon's version, addresses, journal, functions and load. CONTROL says what\n"
          "ends process trees: cgroup, or subreaper where cgroups cannot be used. OVER says how many\n"
          "groups that are over are kept, of how many, and KEPT how long; then they are purged.",
      .examples = "covey info\ncovey --address host:7425 info",
      .exits = "0   printed\n69  the daemon is out of reach",
      .only_prints = true,
      .run = DoInfo,
  };
}

}  // namespace covey::cli
