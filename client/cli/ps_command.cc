#include <chrono>
#include <string>

#include "client/cli/command.h"
#include "client/cli/format.h"
#include "client/cli/group_filter.h"
#include "client/cli/table.h"
#include "client/cli/text.h"
#include "core/base/duration.h"

namespace covey::cli {
namespace {

constexpr std::string_view kPsDetails =
    "Lists the groups that are not over, newest first; with --all the others as well, and with\n"
    "options those that fit all of them. DONE counts the tasks that have ended, TIME runs from\n"
    "the creation of a group to its end.";

constexpr std::string_view kPsExamples =
    "covey ps\n"
    "covey ps --state failed --since 24h --label team=birds\n"
    "covey --output json ps --all --limit 10 | jq -r .id";

constexpr std::string_view kPsExits =
    "0   listed\n"
    "64  bad usage\n"
    "69  the daemon is out of reach";

constexpr size_t kPart = 1000;  // rows whose columns are fitted together

std::vector<std::string> Row(const v1::Group& group, std::chrono::system_clock::time_point now) {
  const v1::TaskCounts& tasks = group.tasks();
  const uint32_t done = tasks.succeeded() + tasks.failed() + tasks.stopped();
  return {Printable(group.id()),
          group.spec().name().empty() ? "-" : Printable(group.spec().name()),
          std::string(StateText(group.state())),
          std::to_string(done) + "/" + std::to_string(tasks.submitted()),
          std::to_string(tasks.running()),
          std::to_string(tasks.failed()),
          DurationText(Lifetime(group, now)),
          LabelsText(group.spec().labels())};
}

int DoPs(Session& session, const Arguments& arguments) {
  Result<v1::ListGroupsRequest> request = ReadFilter(arguments, arguments.Has("all"));
  if (!request.ok()) return session.Fail(request.error());
  if (session.json()) request.value().set_view(v1::VIEW_FULL);
  uint64_t left = UINT64_MAX;
  if (const auto limit = arguments.Get("limit")) {
    const Result<uint64_t> parsed = ParseNumber("limit", *limit, 1, UINT32_MAX);
    if (!parsed.ok()) return session.Fail(parsed.error());
    left = parsed.value();
    const auto page = static_cast<uint64_t>(request.value().page_size());
    request.value().set_page_size(static_cast<int>(std::min(left, page)));
  }
  Result<client::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.error());
  Table table({{.heading = "GROUP"},
               {.heading = "NAME", .shrinks = true},
               {.heading = "STATE"},
               {.heading = "DONE", .right = true},
               {.heading = "RUNNING", .right = true},
               {.heading = "FAILED", .right = true},
               {.heading = "TIME", .right = true},
               {.heading = "LABELS", .shrinks = true}});
  const auto now = std::chrono::system_clock::now();
  const Result<Void> listed = client.value().ForEachGroup(request.value(), [&](const v1::Group& group) {
    if (session.json()) {
      session.PrintJson(group);
    } else {
      table.Add(Row(group, now));
      if (table.size() == kPart) session.Print(table.RenderPart(session.console().out_columns()));
    }
    return --left > 0 && session.console().out_error() == 0;
  });
  if (!listed.ok()) return session.Fail(listed.error());
  if (!session.json()) session.Print(table.RenderPart(session.console().out_columns()));
  return session.ExitWith(0);
}

std::vector<Option> PsOptions() {
  std::vector<Option> options = FilterOptions();
  options.insert(options.begin(), {.name = "all", .help = "also groups that are over"});
  options.push_back({.name = "limit", .value = "N", .help = "the newest N of them"});
  return options;
}

}  // namespace

Command PsCommand() {
  return {
      .name = "ps",
      .synopsis = "[OPTIONS]",
      .summary = "lists groups",
      .details = kPsDetails,
      .examples = kPsExamples,
      .exits = kPsExits,
      .only_prints = true,
      .options = PsOptions(),
      .run = DoPs,
  };
}

}  // namespace covey::cli
