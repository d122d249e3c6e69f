#include <algorithm>
#include <string>

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
  line("journal",
       Printable(info.journal().backend()) + (info.journal().durable() ? ", durable" : ", not durable"));
  line("control", Printable(info.process_control()));
  line("groups", std::to_string(info.running_groups()) + " running");
  line("tasks",
       std::to_string(info.running_tasks()) + " running, " + std::to_string(info.queued_tasks()) + " queued");
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
          "ends process trees: cgroup, or subreaper where cgroups cannot be used.",
      .examples = "covey info\ncovey --address host:7425 info",
      .exits = "0   printed\n69  the daemon is out of reach",
      .only_prints = true,
      .run = DoInfo,
  };
}

}  // namespace covey::cli
