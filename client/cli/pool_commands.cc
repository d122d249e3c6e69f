// The commands about pools.

#include <string>

#include "client/cli/command.h"
#include "client/cli/table.h"
#include "client/cli/text.h"
#include "client/cli/waiting.h"
#include "core/base/duration.h"

namespace covey::cli {
namespace {

constexpr std::string_view kPoolExits =
    "0    done\n"
    "1    the pool is not known, is there already, or cannot be closed\n"
    "64   bad usage\n"
    "69   the daemon is out of reach\n"
    "124  --timeout passed";

int ListPools(Session& session, const Arguments&) {
  Result<client::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.error());
  const Result<std::vector<v1::Pool>> pools = client.value().ListPools();
  if (!pools.ok()) return session.Fail(pools.error());
  Table table({{.heading = "POOL", .shrinks = true},
               {.heading = "MAX", .right = true},
               {.heading = "RUNNING", .right = true},
               {.heading = "WAITING", .right = true},
               {.heading = "GROUPS", .right = true},
               {.heading = "KEPT IN"},
               {.heading = "STATE"}});
  for (const v1::Pool& pool : pools.value()) {
    if (session.json()) {
      session.PrintJson(pool);
      continue;
    }
    table.Add({Printable(pool.name()), std::to_string(pool.spec().max()), std::to_string(pool.running()),
               std::to_string(pool.waiting()), std::to_string(pool.groups()),
               pool.configured() ? "configuration" : "journal", pool.closing() ? "closing" : "open"});
  }
  if (!session.json()) session.Print(table.Render(session.console().out_columns()));
  return session.ExitWith(0);
}

using Change = Result<v1::Pool> (client::Client::*)(std::string_view, uint32_t, const client::CallOptions&);

int SetMax(Session& session, const Arguments& arguments, Change change) {
  constexpr uint64_t kMost = 65536;
  const auto typed = arguments.Get("max");
  if (!typed) return session.Fail(UsageError("--max is missing: --max N, 1.." + std::to_string(kMost)));
  const Result<uint64_t> max = ParseNumber("max", *typed, 1, kMost);
  if (!max.ok()) return session.Fail(max.error());
  Result<client::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.error());
  const Result<v1::Pool> pool =
      (client.value().*change)(arguments.words()[0], static_cast<uint32_t>(max.value()), {});
  if (!pool.ok()) return session.Fail(pool.error());
  if (session.json()) {
    session.PrintJson(pool.value());
  } else {
    session.Print(Printable(pool.value().name()) + " runs at most " +
                  std::to_string(pool.value().spec().max()) + " at once\n");
  }
  return session.ExitWith(0);
}

int SetPool(Session& session, const Arguments& arguments) {
  return SetMax(session, arguments, &client::Client::UpdatePool);
}

int CreatePool(Session& session, const Arguments& arguments) {
  return SetMax(session, arguments, &client::Client::CreatePool);
}

int ClosePool(Session& session, const Arguments& arguments) {
  const std::string& name = arguments.words()[0];
  const Result<client::CallOptions> call = ReadTimeout(arguments);
  if (!call.ok()) return session.Fail(call.error());
  Result<client::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.error());
  v1::ClosePoolRequest request;
  request.set_name(name);
  const client::CallOptions bounded = BoundWait(call.value(), &request);
  const Result<v1::ClosePoolResponse> closed = client.value().ClosePool(request, bounded);
  const bool late =
      closed.ok() ? closed.value().has_pool() : closed.error().code == ErrorCode::kDeadlineExceeded;
  if (late) {
    Error error = WaitedEnough("the pool goes on closing");
    error.message.insert(0, name + ": ");
    return session.Fail(error);
  }
  if (!closed.ok()) return session.Fail(closed.error());
  if (session.json()) {
    session.PrintJson(v1::ClosePoolResponse());
  } else {
    session.Print(Printable(name) + " is closed\n");
  }
  return session.ExitWith(0);
}

constexpr Words kOnePool{.names = Names::kPool, .least = 1, .most = 1, .what = "the name of a pool"};

std::vector<Option> MaxOption() {
  return {{.name = "max", .value = "N", .help = "tasks that run at once, 1..65536; required"}};
}

}  // namespace

Command PoolsCommand() {
  return {
      .name = "pools",
      .synopsis = "[set|create|close NAME]",
      .summary = "lists the pools that give slots to tasks",
      .details =
          "Lists the pools by name: how many tasks they run at most, how many run and how many wait\n"
          "for a slot, and how many groups that are not over use them. Pools of the configuration\n"
          "follow it at each start and reload, the others are kept in the journal.",
      .examples =
          "covey pools\n"
          "covey pools create batch --max 4\n"
          "covey --output json pools | jq -r '\"\\(.name) \\(.waiting)\"'",
      .exits = kPoolExits,
      .only_prints = true,
      .run = ListPools,
  };
}

Command PoolsSetCommand() {
  return {
      .name = "pools set",
      .synopsis = "NAME --max N",
      .summary = "changes how many tasks a pool runs",
      .details =
          "Changes how many tasks a pool runs at once, from now on. When it shrinks, running tasks\n"
          "finish.",
      .examples = "covey pools set default --max 128",
      .exits = kPoolExits,
      .words = kOnePool,
      .options = MaxOption(),
      .run = SetPool,
  };
}

Command PoolsCreateCommand() {
  return {
      .name = "pools create",
      .synopsis = "NAME --max N",
      .summary = "makes a pool",
      .details = "Makes a pool. It survives a restart of the daemon.",
      .examples = "covey pools create batch --max 4 && covey run --pool batch -f tasks.jsonl",
      .exits = kPoolExits,
      .words = {.least = 1, .most = 1, .what = "the name of a pool"},
      .options = MaxOption(),
      .run = CreatePool,
  };
}

Command PoolsCloseCommand() {
  return {
      .name = "pools close",
      .synopsis = "[--timeout D] NAME",
      .summary = "closes a pool",
      .details =
          "Lets a pool take no further groups, waits until those that use it are over, and removes it.\n"
          "When --timeout passes, or on Ctrl-C, it goes on closing. The pool \"default\" and those of\n"
          "the configuration cannot be closed.",
      .examples = "covey pools close batch",
      .exits = kPoolExits,
      .words = kOnePool,
      .options = {TimeoutOption()},
      .run = ClosePool,
  };
}

}  // namespace covey::cli
