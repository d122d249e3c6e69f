#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "client/cli/command.h"
#include "client/cli/exit_code.h"
#include "client/cli/format.h"
#include "client/cli/group_filter.h"
#include "client/cli/live_feed.h"
#include "client/cli/live_screen.h"
#include "client/cli/table.h"
#include "client/cli/text.h"
#include "client/cli/when.h"
#include "core/base/duration.h"

namespace covey::cli {
namespace {

constexpr std::string_view kPsDetails =
    "Lists the groups that are not over, newest first; with --all the others as well, and with\n"
    "options those that fit all of them. DONE counts the tasks that have ended, TIME runs from\n"
    "the creation of a group to its end, COMMAND is that of its first task. WAITS says what a\n"
    "group waits for besides its tasks:\n"
    "  seal  nothing runs or waits, and it takes further tasks: see `covey seal`\n"
    "  slot  no task runs, and some wait for a slot: `covey explain` says of which pool\n"
    "  stop  it is decided, and its last tasks are being stopped\n"
    "On a terminal ids are shortened and columns left out as it needs, unless with -o wide; the\n"
    "beginning of an id is enough for every command.";

constexpr std::string_view kPsExamples =
    "covey ps\n"
    "covey ps -a -n 10\n"
    "covey ps -w\n"
    "covey ps --state failed --since yesterday --label team=birds\n"
    "covey ps -a --state succeeded --before 720h -o name | xargs -r covey delete\n"
    "covey ps -o json | jq -r .id";

constexpr std::string_view kPsExits =
    "0         listed, or left with q\n"
    "64        bad usage\n"
    "69        the daemon is out of reach\n"
    "130, 143  --watch: left with Ctrl-C, by SIGTERM";

constexpr size_t kPart = 1000;  // rows whose columns are fitted together

// How groups are listed.
struct PsStyle {
  Times times = Times::kRelative;
  bool short_ids = false;
  bool colors = false;
  bool names = false;  // ids alone
};

Table PsTable() {
  return Table({{.heading = "GROUP"},
                {.heading = "NAME", .shrinks = true},
                {.heading = "STATE", .color = StateColor},
                {.heading = "DONE", .right = true},
                {.heading = "RUNNING", .right = true, .goes = 4},
                {.heading = "FAILED", .right = true, .goes = 3},
                {.heading = "CREATED", .right = true, .goes = 2},
                {.heading = "TIME", .right = true, .goes = 5},
                {.heading = "WAITS", .goes = 1},
                {.heading = "LABELS", .shrinks = true, .least = 12, .goes = 6},
                {.heading = "COMMAND", .shrinks = true, .least = 14, .goes = 2}});
}

std::vector<std::string> Row(const v1::Group& group, const PsStyle& style, WallClock::time_point now) {
  const v1::TaskCounts& tasks = group.tasks();
  const uint32_t done = tasks.succeeded() + tasks.failed() + tasks.stopped();
  return {ShownId(group.id(), style.short_ids),
          group.spec().name().empty() ? "-" : Printable(group.spec().name()),
          std::string(StateText(group.state())),
          std::to_string(done) + "/" + std::to_string(tasks.submitted()),
          std::to_string(tasks.running()),
          std::to_string(tasks.failed()),
          WhenText(group.create_time(), style.times, now),
          DurationText(Lifetime(group, now)),
          std::string(WaitsText(group)),
          LabelsText(group.spec().labels()),
          group.command().empty() ? "-" : Printable(group.command())};
}

int ListOnce(Session& session, client::Client& client, const v1::ListGroupsRequest& request, uint64_t left,
             const PsStyle& style, size_t columns) {
  Table table = PsTable();
  const auto now = WallClock::now();
  const Result<Void> listed = client.ForEachGroup(request, [&](const v1::Group& group) {
    if (session.json()) {
      session.PrintJson(group);
    } else if (style.names) {
      session.Print(Printable(group.id()) + "\n");
    } else {
      table.Add(Row(group, style, now));
      if (table.size() == kPart) session.Print(table.RenderPart(columns, style.colors));
    }
    return --left > 0 && session.console().out_error() == 0;
  });
  if (!listed.ok()) return session.Fail(listed.error());
  if (!session.json() && !style.names) session.Print(table.RenderPart(columns, style.colors));
  return session.ExitWith(0);
}

using PsGroups = std::vector<v1::Group>;

Result<PsGroups> TakeGroups(client::Client client, const v1::ListGroupsRequest& request, uint64_t most) {
  constexpr client::CallOptions kPatience{.timeout = std::chrono::seconds(5)};
  PsGroups groups;
  const Result<Void> listed = client.ForEachGroup(
      request,
      [&](const v1::Group& group) {
        groups.push_back(group);
        return groups.size() < most;
      },
      kPatience);
  if (!listed.ok()) return listed.error();
  return groups;
}

// The first `rows` lines of the list, the last of which says what is missing.
std::string PsScreen(const PsGroups& groups, const PsStyle& style, size_t columns, size_t rows) {
  Table table = PsTable();
  const auto now = WallClock::now();
  const size_t room = std::max<size_t>(rows, 2) - 1;
  const bool cut = groups.size() > room;
  const size_t shown = cut ? room - 1 : groups.size();
  for (size_t i = 0; i < shown; ++i) table.Add(Row(groups[i], style, now));
  std::string text = table.Render(columns, style.colors);
  if (cut) text += Cut("… and " + std::to_string(groups.size() - shown) + " more", columns) + "\n";
  return text;
}

// Draws the list every second until somebody leaves.
int WatchList(Session& session, const v1::ListGroupsRequest& request, uint64_t most, const PsStyle& style) {
  constexpr std::chrono::seconds kInterval{1};
  std::optional<LiveScreen> screen(session.console());  // before the client starts threads
  client::ConnectOptions impatient;                     // an old list says that it is old
  impatient.retry.patience = {};
  Result<client::Client> client = session.Connect(impatient);
  if (!client.ok()) return session.Fail(client.error());
  LiveFeed<PsGroups> feed;
  const auto ask = [&] {
    feed.Ask([client = client.value(), request, most] { return TakeGroups(client, request, most); });
  };
  std::optional<PsGroups> groups;
  std::string note;
  int code = 0;
  ask();
  for (bool leave = false; !leave;) {
    if (groups) {
      const size_t columns = session.console().out_columns();
      const size_t rows = std::max<size_t>(session.console().out_rows(), 3);
      std::string text = PsScreen(*groups, style, columns, note.empty() ? rows : rows - 1);
      if (!note.empty()) text.insert(0, Cut(note, columns) + "\n");
      screen->Draw(text);
    }
    switch (screen->Wait(kInterval, feed.fd())) {
      case LiveScreen::Event::kKey:
        leave = screen->key() == 'q' || screen->key() == 'Q';
        break;
      case LiveScreen::Event::kSignal:
        code = kExitSignalBase + screen->signal();
        leave = true;
        break;
      case LiveScreen::Event::kResize:
        break;
      case LiveScreen::Event::kTime:
        if (!feed.busy()) ask();
        break;
      case LiveScreen::Event::kNews:
        std::optional<Result<PsGroups>> next = feed.Next();
        if (!next) break;
        if (!next->ok() && !groups) return session.Fail(next->error());
        note = next->ok() ? "" : "not now: " + Printable(next->error().message);
        if (next->ok()) groups = std::move(next->value());
        break;
    }
    leave = leave || session.console().out_error() != 0;
  }
  screen.reset();  // the terminal is as it was
  if (feed.busy()) _exit(code);
  return code;
}

int DoPs(Session& session, const Arguments& arguments) {
  Result<v1::ListGroupsRequest> request = ReadFilter(arguments, arguments.Has("all"), WallClock::now());
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
  const std::string output = arguments.Get("output").value_or("");
  const bool wide = output == "wide";
  const bool terminal = session.console().out_is_terminal();
  const PsStyle style{.times = ReadTimes(arguments.Get("times").value_or(""), Times::kRelative),
                      .short_ids = terminal && !wide,
                      .colors = session.console().out_has_colors(),
                      .names = output == "name"};
  if (arguments.Has("watch")) {
    if (session.json() || style.names)
      return session.Fail(
          UsageError("--watch draws a list for people, not -o " + (style.names ? output : "json")));
    if (!terminal)
      return session.Fail(UsageError("--watch needs a terminal; see covey events --follow for programs"));
    constexpr uint64_t kMostWatched = 1000;
    return WatchList(session, request.value(), std::min(left, kMostWatched), style);
  }
  Result<client::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.error());
  return ListOnce(session, client.value(), request.value(), left, style,
                  wide ? 0 : session.console().out_columns());
}

std::vector<Option> PsOptions() {
  std::vector<Option> options = FilterOptions();
  options.insert(options.begin(), {.name = "all", .letter = 'a', .help = "also groups that are over"});
  options.push_back({.name = "limit", .letter = 'n', .value = "N", .help = "the newest N of them"});
  options.push_back(
      {.name = "watch", .letter = 'w', .help = "draw the list every second; q or Ctrl-C leaves"});
  options.push_back({.name = "times",
                     .value = "HOW",
                     .choices = "relative local utc",
                     .help = "times as relative (default), local (see TZ) or utc"});
  options.push_back({.name = "output",
                     .letter = 'o',
                     .value = "FORMAT",
                     .choices = "text wide name json",
                     .help = "text (default); wide: whole, however wide it is; name: ids alone;\n"
                             "json: one group a line"});
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
