#include <string>

#include "client/cli/command.h"
#include "client/cli/find.h"
#include "client/cli/format.h"
#include "client/cli/task_text.h"

namespace covey::cli {
namespace {

constexpr std::string_view kTasksDetails =
    "Lists the tasks of a group in the order of their submission, all of them or those in the\n"
    "states of --state. TIME is how long the last attempt ran.";

constexpr std::string_view kTasksExamples =
    "covey tasks 0190a4c2-5f7e-7c31-9d0e-3b1f5a6c7d8e\n"
    "covey tasks --state running --state failed G\n"
    "covey --output json tasks G | jq -r .name";

constexpr std::string_view kTasksExits =
    "0   listed\n"
    "1   the group is not known\n"
    "64  bad usage\n"
    "69  the daemon is out of reach";

constexpr int kTasksPageSize = 1000;

int DoTasks(Session& session, const Arguments& arguments) {
  v1::ListTasksRequest request;
  request.set_page_size(kTasksPageSize);
  if (session.json()) request.set_view(v1::VIEW_FULL);
  for (const std::string& state : arguments.All("state")) {
    for (int number = v1::TaskState_MIN; number <= v1::TaskState_MAX; ++number) {
      if (StateText(static_cast<v1::TaskState>(number)) == state)
        request.add_states(static_cast<v1::TaskState>(number));
    }
  }
  Result<client::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.error());
  Result<std::string> group = FindGroup(client.value(), arguments.words()[0]);
  if (!group.ok()) return session.Fail(group.error());
  request.set_group_id(std::move(group.value()));
  Table table = TaskTable();
  const Result<Void> listed = client.value().ForEachTask(std::move(request), [&](const v1::Task& task) {
    if (session.json()) {
      session.PrintJson(task);
    } else {
      table.Add(TaskRow(task));
      if (table.size() == kTasksPageSize) session.Print(table.RenderPart(session.console().out_columns()));
    }
    return session.console().out_error() == 0;
  });
  if (!listed.ok()) {
    if (table.size() > 0) session.Print(table.RenderPart(session.console().out_columns()));
    return session.Fail(listed.error());
  }
  if (!session.json()) session.Print(table.RenderPart(session.console().out_columns()));
  return session.ExitWith(0);
}

}  // namespace

Command TasksCommand() {
  return {
      .name = "tasks",
      .synopsis = "[--state STATE] GROUP",
      .summary = "lists the tasks of a group",
      .details = kTasksDetails,
      .examples = kTasksExamples,
      .exits = kTasksExits,
      .words = {.names = Names::kAnyGroup, .least = 1, .most = 1, .what = "the id of a group"},
      .only_prints = true,
      .options = {{.name = "state",
                   .value = "STATE",
                   .choices = "queued running succeeded failed stopped",
                   .help = "only tasks in this state; may be repeated",
                   .repeated = true}},
      .run = DoTasks,
  };
}

}  // namespace covey::cli
