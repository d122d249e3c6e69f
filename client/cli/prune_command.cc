// The command that purges groups that are over.

#include <string>

#include "client/cli/command.h"
#include "client/cli/format.h"
#include "client/cli/group_filter.h"
#include "client/cli/process_options.h"
#include "client/cli/table.h"
#include "client/cli/text.h"
#include "covey/client/task.h"

namespace covey::cli {
namespace {

Result<v1::PruneRequest> ReadRequest(const Arguments& arguments) {
  v1::PruneRequest request;
  const auto age = ReadDuration(arguments, "older-than");
  if (!age.ok()) return age.error();
  if (age.value()) *request.mutable_older_than() = client::ToProto(*age.value());
  if (const auto keep = arguments.Get("keep")) {
    const Result<uint64_t> number = ParseSize("--keep", *keep);
    if (!number.ok()) return number.error();
    request.set_keep_groups(number.value());
  }
  if (const auto keep = arguments.Get("keep-bytes")) {
    const Result<uint64_t> bytes = ParseSize("--keep-bytes", *keep);
    if (!bytes.ok()) return bytes.error();
    request.set_keep_bytes(bytes.value());
  }
  const Result<v1::ListGroupsRequest> filter = ReadFilter(arguments, /*all=*/true, WallClock::now());
  if (!filter.ok()) return filter.error();
  *request.mutable_states() = filter.value().states();
  *request.mutable_labels() = filter.value().labels();
  request.set_dry_run(arguments.Has("dry-run"));
  return request;
}

std::string PrunedText(const v1::PruneResponse& pruned, bool dry_run, size_t columns) {
  std::string text;
  if (dry_run && pruned.groups() > 0) {
    Table table({{.heading = "GROUP"}, {.heading = "STATE"}, {.heading = "ENDED"}, {.heading = "SIZE"}});
    for (const v1::PrunedGroup& group : pruned.first()) {
      table.Add({Printable(group.id()), std::string(StateText(group.state())), TimeText(group.end_time()),
                 BytesText(group.bytes())});
    }
    text = table.Render(columns);
    const auto told = static_cast<uint64_t>(pruned.first_size());
    if (pruned.groups() > told) text += "and " + std::to_string(pruned.groups() - told) + " more\n";
  }
  const std::string groups = std::to_string(pruned.groups()) + (pruned.groups() == 1 ? " group" : " groups");
  return text + groups + ", about " + BytesText(pruned.bytes()) +
         (dry_run ? ": none was purged (--dry-run)\n" : " purged\n");
}

int Prune(Session& session, const Arguments& arguments) {
  const Result<v1::PruneRequest> request = ReadRequest(arguments);
  if (!request.ok()) return session.Fail(request.error());
  Result<client::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.error());
  const Result<v1::PruneResponse> pruned = client.value().Prune(request.value());
  if (!pruned.ok()) return session.Fail(pruned.error());
  if (session.json()) {
    session.PrintJson(pruned.value());
  } else {
    session.Print(PrunedText(pruned.value(), request.value().dry_run(), session.console().out_columns()));
  }
  return session.ExitWith(0);
}

}  // namespace

Command PruneCommand() {
  return {
      .name = "prune",
      .synopsis = "[--older-than D] [--keep N] [--keep-bytes SIZE] [OPTIONS]",
      .summary = "purges groups that are over",
      .details =
          "Purges groups that are over, with their tasks, events and output, the one that ended first\n"
          "first. What is over any of the bounds goes; without a bound those of the daemon's configuration\n"
          "count (covey info says how full they are). Groups that somebody streams or waits for stay, and\n"
          "so does whatever is not over. --state and --label say which groups are meant.",
      .examples =
          "covey prune --dry-run --older-than 1d\n"
          "covey prune --keep 100 --label team=birds\n"
          "covey prune --older-than 0s --state succeeded",
      .exits =
          "0   purged, perhaps nothing\n"
          "64  bad usage\n"
          "69  the daemon is out of reach",
      .options =
          {
              {.name = "older-than",
               .value = "D",
               .help = "groups that ended longer ago than this, as in 7d or 0s"},
              {.name = "keep", .value = "N", .help = "all but the newest so many of those that are meant"},
              {.name = "keep-bytes",
               .value = "SIZE",
               .help = "all but the newest ones that take so much together, as in 10G"},
              {.name = "state",
               .value = "STATE",
               .choices = "succeeded failed cancelled",
               .help = "only groups in this state; may be repeated",
               .repeated = true},
              {.name = "label",
               .value = "K=V",
               .help = "only groups with this label; may be repeated",
               .repeated = true},
              {.name = "dry-run", .help = "purge nothing, and list what would go"},
          },
      .run = Prune,
  };
}

}  // namespace covey::cli
