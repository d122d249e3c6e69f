#include <chrono>
#include <string>

#include "client/cli/command.h"
#include "client/cli/duration.h"
#include "client/cli/format.h"
#include "client/cli/table.h"
#include "client/cli/text.h"

namespace covey::cli {
namespace {

constexpr std::string_view kDetails =
    "Lists the groups that are not over, newest first; with --all the others as well. DONE\n"
    "counts the tasks that have ended, TIME runs from the creation of a group to its end.";

constexpr std::string_view kExamples =
    "covey ps\n"
    "covey --output json ps --all | jq -r .id";

constexpr std::string_view kExits =
    "0   listed\n"
    "69  the daemon is out of reach";

constexpr int kPageSize = 1000;

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

int Run(Session& session, const Arguments& arguments) {
  Result<client::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.error());
  v1::ListGroupsRequest request;
  request.set_page_size(kPageSize);
  if (!arguments.Has("all")) {
    request.add_states(v1::GROUP_STATE_RUNNING);
    request.add_states(v1::GROUP_STATE_STOPPING);
  }
  Table table({{.heading = "GROUP"},
               {.heading = "NAME", .shrinks = true},
               {.heading = "STATE"},
               {.heading = "DONE", .right = true},
               {.heading = "RUNNING", .right = true},
               {.heading = "FAILED", .right = true},
               {.heading = "TIME", .right = true},
               {.heading = "LABELS", .shrinks = true}});
  const auto now = std::chrono::system_clock::now();
  const Result<Void> listed = client.value().ForEachGroup(std::move(request), [&](const v1::Group& group) {
    if (session.json()) {
      session.PrintJson(group);
    } else {
      table.Add(Row(group, now));
    }
    return session.console().out_error() == 0;
  });
  if (!listed.ok()) return session.Fail(listed.error());
  if (!session.json()) session.Print(table.Render(session.console().out_columns()));
  return session.ExitWith(0);
}

}  // namespace

Command PsCommand() {
  return {
      .name = "ps",
      .synopsis = "[--all]",
      .summary = "lists groups",
      .details = kDetails,
      .examples = kExamples,
      .exits = kExits,
      .options = {{.name = "all", .help = "also groups that are over"}},
      .run = Run,
  };
}

}  // namespace covey::cli
