#include <algorithm>
#include <chrono>
#include <string>

#include "client/cli/command.h"
#include "client/cli/exit_code.h"
#include "client/cli/live_screen.h"
#include "client/cli/text.h"
#include "client/cli/top_view.h"
#include "core/base/duration.h"

namespace covey::cli {
namespace {

constexpr std::string_view kTopDetails =
    "Shows the daemon, live: its pools with the slots that are held and the tasks that wait\n"
    "for one, and the groups that are not over, newest first, with their progress and the tasks\n"
    "that end a second. q or Ctrl-C leaves. With --once, or when standard output is no terminal,\n"
    "prints all of it once. As JSON prints, once, the daemon, its pools and its groups, one\n"
    "object a line.";

constexpr std::string_view kTopExamples =
    "covey top\n"
    "covey top --interval 200ms\n"
    "covey top --once";

constexpr std::string_view kTopExits =
    "0         left with q, or printed\n"
    "64        bad usage\n"
    "69        the daemon is out of reach at the beginning\n"
    "130, 143  left with Ctrl-C, by SIGTERM";

constexpr int kMostGroups = 1000;

Result<TopSnapshot> Take(client::Client& client, int most_groups) {
  constexpr client::CallOptions kPatience{.timeout = std::chrono::seconds(5)};
  TopSnapshot snapshot;
  const Result<v1::GetServerInfoResponse> info = client.GetServerInfo(kPatience);
  if (!info.ok()) return info.error();
  snapshot.info = info.value();
  const Result<std::vector<v1::Pool>> pools = client.ListPools(kPatience);
  if (!pools.ok() && pools.error().code != ErrorCode::kUnimplemented) return pools.error();
  if (pools.ok()) snapshot.pools = pools.value();  // an older daemon has none to show
  v1::ListGroupsRequest request;
  request.set_page_size(most_groups);
  request.add_states(v1::GROUP_STATE_RUNNING);
  request.add_states(v1::GROUP_STATE_STOPPING);
  const Result<v1::ListGroupsResponse> groups = client.ListGroups(request, kPatience);
  if (!groups.ok()) return groups.error();
  snapshot.groups.assign(groups.value().groups().begin(), groups.value().groups().end());
  snapshot.time = std::chrono::steady_clock::now();
  return snapshot;
}

int Once(Session& session, client::Client& client) {
  const Result<TopSnapshot> snapshot = Take(client, kMostGroups);
  if (!snapshot.ok()) return session.Fail(snapshot.error());
  if (session.json()) {
    session.PrintJson(snapshot.value().info);
    for (const v1::Pool& pool : snapshot.value().pools) session.PrintJson(pool);
    for (const v1::Group& group : snapshot.value().groups) session.PrintJson(group);
  } else {
    session.Print(TopText(snapshot.value(), {}, session.console().out_columns(), 0));
  }
  return session.ExitWith(0);
}

int Live(Session& session, client::Client& client, LiveScreen& screen, std::chrono::milliseconds interval) {
  Result<TopSnapshot> snapshot = Take(client, kMostGroups);
  if (!snapshot.ok()) return session.Fail(snapshot.error());
  TopSnapshot shown = std::move(snapshot.value());
  TopRates rates;
  std::string note;  // why what is shown is old
  while (true) {
    const size_t columns = session.console().out_columns();
    const size_t rows = std::max<size_t>(session.console().out_rows(), 2);
    std::string text = TopText(shown, rates, columns, note.empty() ? rows : rows - 1);
    if (!note.empty()) text = Cut(note, columns) + "\n" + text;
    screen.Draw(text);
    if (session.console().out_error() != 0) return session.ExitWith(0);
    switch (screen.Wait(interval)) {
      case LiveScreen::Event::kQuit:
        return 0;
      case LiveScreen::Event::kSignal:
        return kExitSignalBase + screen.signal();
      case LiveScreen::Event::kResize:
        continue;
      case LiveScreen::Event::kTime:
        break;
    }
    snapshot = Take(client, kMostGroups);
    note = snapshot.ok() ? "" : "not now: " + Printable(snapshot.error().message);
    if (!snapshot.ok()) continue;
    rates = RatesBetween(shown, snapshot.value());
    shown = std::move(snapshot.value());
  }
}

int DoTop(Session& session, const Arguments& arguments) {
  constexpr std::chrono::milliseconds kLeast{50};
  constexpr std::chrono::hours kMost{1};
  std::chrono::nanoseconds interval = std::chrono::seconds(1);
  if (const auto typed = arguments.Get("interval")) {
    const Result<std::chrono::nanoseconds> parsed = ParseDuration(*typed);
    if (!parsed.ok()) return session.Fail(UsageError("--interval: " + parsed.error().message));
    if (parsed.value() < kLeast || parsed.value() > kMost)
      return session.Fail(UsageError("--interval must be 50ms..1h, got " + *typed));
    interval = parsed.value();
  }
  if (arguments.Has("once") || session.json() || !session.console().out_is_terminal()) {
    Result<client::Client> client = session.Connect();
    return client.ok() ? Once(session, client.value()) : session.Fail(client.error());
  }
  LiveScreen screen(session.console());  // before the client starts threads
  client::ConnectOptions impatient;      // an old screen says that it is old
  impatient.retry.patience = {};
  Result<client::Client> client = session.Connect(impatient);
  if (!client.ok()) return session.Fail(client.error());
  return Live(session, client.value(), screen,
              std::chrono::duration_cast<std::chrono::milliseconds>(interval));
}

}  // namespace

Command TopCommand() {
  return {
      .name = "top",
      .synopsis = "[--once] [--interval D]",
      .summary = "shows pools and running groups, live",
      .details = kTopDetails,
      .examples = kTopExamples,
      .exits = kTopExits,
      .only_prints = true,
      .options = {{.name = "once", .help = "print it once"},
                  {.name = "interval",
                   .value = "D",
                   .help = "time between two looks, 50ms..1h; default: 1s"}},
      .run = DoTop,
  };
}

}  // namespace covey::cli
