// The commands that do one thing to groups as a whole: create, seal, delete.

#include <string>

#include "client/cli/command.h"
#include "client/cli/find.h"
#include "client/cli/format.h"
#include "client/cli/group_options.h"
#include "client/cli/text.h"

namespace covey::cli {
namespace {

constexpr std::string_view kGroupExits =
    "0   done\n"
    "1   a group is not known, or cannot be deleted since it is not over\n"
    "64  bad usage\n"
    "69  the daemon is out of reach or takes no groups";

int Create(Session& session, const Arguments& arguments) {
  v1::CreateGroupRequest request;
  request.set_request_id(client::NewRequestId());
  if (const auto read = ReadGroupOptions(arguments, request.mutable_spec()); !read.ok())
    return session.Fail(read.error());
  request.set_group_id(arguments.Get("id").value_or(""));
  Result<client::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.error());
  const Result<v1::Group> group = client.value().CreateGroup(request);
  if (!group.ok()) return session.Fail(group.error());
  if (session.json()) {
    session.PrintJson(group.value());
  } else {
    session.Print(Printable(group.value().id()) + "\n");
  }
  return session.ExitWith(0);
}

// The groups that the words name.
std::vector<std::string> NamedGroups(Session& session, client::Client& client, const Arguments& arguments,
                                     int* code) {
  std::vector<std::string> groups;
  for (const Target& target :
       FindTargets(session, client, arguments.words(), arguments.Has("all-named"), code)) {
    if (target.task.empty()) {
      groups.push_back(target.group);
      continue;
    }
    const int failed = session.Fail(
        UsageError("a group was expected, got the task " + Printable(target.group + "/" + target.task)));
    if (*code == 0) *code = failed;
  }
  return groups;
}

int Seal(Session& session, const Arguments& arguments) {
  Result<client::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.error());
  int code = 0;
  for (const std::string& word : NamedGroups(session, client.value(), arguments, &code)) {
    const Result<v1::Group> group = client.value().SealGroup(word);
    if (!group.ok()) {
      const int failed = session.Fail(group.error());
      if (code == 0) code = failed;
    } else if (session.json()) {
      session.PrintJson(group.value());
    } else {
      session.Print(Printable(word) + " takes no further tasks: " + CountsText(group.value().tasks()) + "\n");
    }
  }
  return session.ExitWith(code);
}

int Delete(Session& session, const Arguments& arguments) {
  Result<client::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.error());
  int code = 0;
  for (const std::string& word : NamedGroups(session, client.value(), arguments, &code)) {
    const Result<Void> deleted = client.value().DeleteGroup(word);
    if (!deleted.ok()) {
      const int failed = session.Fail(deleted.error());
      if (code == 0) code = failed;
    } else if (session.json()) {
      session.PrintJson(v1::DeleteGroupResponse());
    } else {
      session.Print(Printable(word) + " deleted\n");
    }
  }
  return session.ExitWith(code);
}

std::vector<Option> CreateOptions() {
  std::vector<Option> options = GroupOptions();
  options.push_back({.name = "id", .value = "ID", .help = "id of the group; default: a new UUID"});
  return options;
}

}  // namespace

Command CreateCommand() {
  return {
      .name = "create",
      .synopsis = "[OPTIONS]",
      .summary = "makes an empty group and prints its id",
      .details =
          "Makes a group without tasks, which `covey submit` adds, and prints its id. The group takes\n"
          "tasks until it is sealed, decided or, when somebody waits for it, idle.",
      .examples =
          "group=$(covey create --limit 4 --label team=birds)\n"
          "covey submit $group -- make test\n"
          "covey seal $group && covey wait $group",
      .exits = kGroupExits,
      .options = CreateOptions(),
      .run = Create,
  };
}

Command SealCommand() {
  return {
      .name = "seal",
      .synopsis = "GROUP...",
      .summary = "lets groups take no further tasks",
      .details =
          "Lets groups take no further tasks: they are over when their tasks are. Sealing twice is no\n"
          "error.",
      .examples = "covey seal 0190a4c2-5f7e-7c31-9d0e-3b1f5a6c7d8e",
      .exits = kGroupExits,
      .words = {.names = Names::kRunningGroup, .least = 1, .most = kAnyNumber, .what = "the id of a group"},
      .options = {AllNamedOption()},
      .run = Seal,
  };
}

Command DeleteCommand() {
  return {
      .name = "delete",
      .synopsis = "GROUP...",
      .summary = "deletes groups that are over",
      .details = "Deletes groups that are over, with their tasks, events and output.",
      .examples =
          "covey delete 0190a4c2-5f7e-7c31-9d0e-3b1f5a6c7d8e\n"
          "covey ps --all --before 720h --state succeeded -o name | xargs -r covey delete",
      .exits = kGroupExits,
      .words = {.names = Names::kEndedGroup, .least = 1, .most = kAnyNumber, .what = "the id of a group"},
      .options = {AllNamedOption()},
      .run = Delete,
  };
}

}  // namespace covey::cli
