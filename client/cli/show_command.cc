#include <chrono>
#include <string>

#include "client/cli/command.h"
#include "client/cli/find.h"
#include "client/cli/format.h"
#include "client/cli/named_work.h"
#include "client/cli/table.h"
#include "client/cli/target.h"
#include "client/cli/task_text.h"
#include "client/cli/text.h"
#include "core/base/duration.h"
#include "core/base/plural.h"
#include "covey/client/task.h"

namespace covey::cli {
namespace {

constexpr std::string_view kShowDetails =
    "Shows a group with its tasks and what failed, or one task. The first 100 tasks are\n"
    "listed, all of them with --all and as JSON: there the first line is the group and each\n"
    "further line one task.";

constexpr std::string_view kShowExamples =
    "covey show 0190a4c2-5f7e-7c31-9d0e-3b1f5a6c7d8e\n"
    "covey show G/resize\n"
    "covey --output json show G | jq 'select(.state==\"TASK_STATE_FAILED\")'";

constexpr std::string_view kShowExits =
    "0   shown\n"
    "1   the group or task is not known\n"
    "69  the daemon is out of reach";

constexpr size_t kFewTasks = 100;
constexpr int kShowPageSize = 1000;

std::string GroupText(const v1::Group& group) {
  const v1::GroupSpec& spec = group.spec();
  std::string state(StateText(group.state()));
  const v1::TaskCounts& tasks = group.tasks();
  const bool idle = tasks.queued() + tasks.running() == 0;
  if (group.state() == v1::GROUP_STATE_RUNNING && !group.sealed() && idle)
    state = "open: nothing runs, and it ends when it is sealed (covey seal)";
  if (group.has_failure()) state += ": " + BlameText(group.failure());
  std::string policy(PolicyText(spec.policy()));
  if (spec.max_failures() > 0) policy += ", takes " + Plural(spec.max_failures(), "failure");
  std::string pool = spec.pool().empty() ? "default" : Printable(spec.pool());
  if (spec.limit() > 0) pool += ", at most " + std::to_string(spec.limit()) + " at once";
  std::string text = Line("group", Printable(group.id()));
  if (!spec.name().empty()) text += Line("name", Printable(spec.name()));
  text += Line("state", state);
  text += Line("tasks", CountsText(group.tasks()));
  text += Line("time", DurationText(Lifetime(group, std::chrono::system_clock::now())));
  text += Line("created", TimeText(group.create_time()));
  if (group.has_decide_time()) text += Line("decided", TimeText(group.decide_time()));
  if (group.has_end_time()) text += Line("ended", TimeText(group.end_time()));
  text += Line("policy", policy);
  text += Line("pool", pool);
  if (spec.has_timeout()) text += Line("timeout", DurationText(client::FromProto(spec.timeout())));
  if (!spec.labels().empty()) text += Line("labels", LabelsText(spec.labels()));
  text += Line("accepts", group.sealed() ? "no further tasks" : "further tasks");
  if (group.attached()) text += Line("attached", "ends with the client that runs it");
  text += Line("events", std::to_string(group.last_event()));
  text += Indented("  | ", group.failure().detail());
  return text;
}

int ShowTask(Session& session, client::Client& client, const Target& target) {
  Result<v1::Task> task = client.GetTask(target.group, target.task);
  if (!task.ok()) return session.Fail(task.error());
  if (session.json()) {
    session.PrintJson(task.value());
  } else {
    // Of one that was stopped: who is to blame.
    if (task.value().has_failure() && task.value().state() == v1::TASK_STATE_STOPPED)
      NameWork(client, target.group, task.value().mutable_failure());
    session.Print(TaskText(task.value()));
  }
  return session.ExitWith(0);
}

int ShowGroup(Session& session, client::Client& client, const Target& target, bool all) {
  Result<v1::Group> group = client.GetGroup(target.group);
  if (!group.ok()) return session.Fail(group.error());
  if (session.json()) {
    session.PrintJson(group.value());
  } else {
    if (group.value().has_failure()) NameWork(client, target.group, group.value().mutable_failure());
    session.Print(GroupText(group.value()));
  }
  Table table = TaskTable();
  v1::ListTasksRequest request;
  request.set_group_id(target.group);
  if (session.json()) request.set_view(v1::VIEW_FULL);
  request.set_page_size(all || session.json() ? kShowPageSize : static_cast<int>(kFewTasks));
  const Result<Void> listed = client.ForEachTask(std::move(request), [&](const v1::Task& task) {
    if (session.json()) {
      session.PrintJson(task);
      return session.console().out_error() == 0;
    }
    table.Add(TaskRow(task));
    return all || table.size() < kFewTasks;
  });
  if (!listed.ok()) return session.Fail(listed.error());
  if (table.size() > 0) session.Print("\n" + table.Render(session.console().out_columns()));
  const uint32_t submitted = group.value().tasks().submitted();
  if (!session.json() && !all && submitted > table.size()) {
    session.Print("… and " + std::to_string(submitted - table.size()) + " more: covey tasks " +
                  Printable(target.group) + "\n");
  }
  return session.ExitWith(0);
}

int DoShow(Session& session, const Arguments& arguments) {
  if (const auto typed = ParseTarget(arguments.words()[0]); !typed.ok()) return session.Fail(typed.error());
  Result<client::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.error());
  const Result<Target> target = FindTarget(client.value(), arguments.words()[0]);
  if (!target.ok()) return session.Fail(target.error());
  if (!target.value().task.empty()) return ShowTask(session, client.value(), target.value());
  return ShowGroup(session, client.value(), target.value(), arguments.Has("all"));
}

}  // namespace

Command ShowCommand() {
  return {
      .name = "show",
      .synopsis = "[--all] GROUP[/TASK]",
      .summary = "shows a group with its tasks, or one task",
      .details = kShowDetails,
      .examples = kShowExamples,
      .exits = kShowExits,
      .words = {.names = Names::kAnyTarget,
                .least = 1,
                .most = 1,
                .what = "one group, or one task as GROUP/TASK"},
      .only_prints = true,
      .options = {{.name = "all", .help = "list all tasks"}},
      .run = DoShow,
  };
}

}  // namespace covey::cli
