#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>

#include "client/cli/command.h"
#include "client/cli/exit_code.h"
#include "client/cli/live_screen.h"
#include "client/cli/text.h"
#include "client/cli/top_feed.h"
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

int Once(Session& session, client::Client& client) {
  const Result<TopSnapshot> snapshot = TakeSnapshot(client, kMostGroups);
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

// Draws what the feed brings until somebody leaves.
int Live(Session& session, TopFeed& feed, LiveScreen& screen, std::chrono::milliseconds interval) {
  std::optional<TopSnapshot> shown;
  TopRates rates;
  std::string note;  // why what is shown is old
  feed.Ask();
  while (true) {
    if (shown) {
      const size_t columns = session.console().out_columns();
      const size_t rows = std::max<size_t>(session.console().out_rows(), 2);
      std::string text = TopText(*shown, rates, columns, note.empty() ? rows : rows - 1);
      if (!note.empty()) text = Cut(note, columns) + "\n" + text;
      screen.Draw(text);
      if (session.console().out_error() != 0) return session.ExitWith(0);
    }
    switch (screen.Wait(interval, feed.fd())) {
      case LiveScreen::Event::kQuit:
        return 0;
      case LiveScreen::Event::kSignal:
        return kExitSignalBase + screen.signal();
      case LiveScreen::Event::kResize:
        break;
      case LiveScreen::Event::kTime:
        feed.Ask();
        break;
      case LiveScreen::Event::kNews:
        std::optional<Result<TopSnapshot>> next = feed.Next();
        if (!next) break;
        if (!next->ok() && !shown) return session.Fail(next->error());
        note = next->ok() ? "" : "not now: " + Printable(next->error().message);
        if (!next->ok()) break;
        if (shown) rates = RatesBetween(*shown, next->value());
        shown = std::move(next->value());
        break;
    }
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
  std::optional<LiveScreen> screen(session.console());  // before the client starts threads
  client::ConnectOptions impatient;                     // an old screen says that it is old
  impatient.retry.patience = {};
  Result<client::Client> client = session.Connect(impatient);
  if (!client.ok()) return session.Fail(client.error());
  TopFeed feed(client.value(), kMostGroups);
  const int code =
      Live(session, feed, *screen, std::chrono::duration_cast<std::chrono::milliseconds>(interval));
  screen.reset();  // the terminal is as it was
  if (feed.busy()) _exit(code);
  return code;
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
