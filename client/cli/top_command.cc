#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/command.h"
#include "client/cli/exit_code.h"
#include "client/cli/live_feed.h"
#include "client/cli/live_screen.h"
#include "client/cli/text.h"
#include "client/cli/top_model.h"
#include "client/cli/top_snapshot.h"
#include "client/cli/top_view.h"
#include "core/base/duration.h"

namespace covey::cli {
namespace {

constexpr std::string_view kTopDetails =
    "Shows the daemon, live: its pools with the slots that are held and the tasks that wait\n"
    "for one, and the groups that are not over, newest first, with their progress and the tasks\n"
    "that end a second. Keys select a group or open it, with its tasks and what they wrote, sort,\n"
    "filter and cancel (after a question): ? tells them. q or Ctrl-C leaves, at once. With\n"
    "--once, or when standard output is no terminal, prints all of it once. As JSON prints, once,\n"
    "the daemon, its pools and its groups, one object a line.";

constexpr std::string_view kTopExamples =
    "covey top\n"
    "covey top --interval 200ms\n"
    "covey top --once";

constexpr std::string_view kTopExits =
    "0         left with q, or printed\n"
    "64        bad usage\n"
    "69        the daemon is out of reach at the beginning\n"
    "130, 143  left with Ctrl-C, by SIGTERM";

int Once(Session& session, const client::Client& client) {
  const Result<TopSnapshot> snapshot = TakeSnapshot(client);
  if (!snapshot.ok()) return session.Fail(snapshot.error());
  if (session.json()) {
    session.PrintJson(snapshot.value().info);
    for (const v1::Pool& pool : snapshot.value().pools) session.PrintJson(pool);
    for (const v1::Group& group : snapshot.value().groups) session.PrintJson(group);
  } else {
    std::vector<const v1::Group*> groups;
    for (const v1::Group& group : snapshot.value().groups) groups.push_back(&group);
    session.Print(TopOverviewText(snapshot.value(), groups, {}, SIZE_MAX,
                                  {.columns = session.console().out_columns(),
                                   .rows = 0,
                                   .colors = session.console().out_has_colors(),
                                   .short_ids = session.console().out_is_terminal()}));
  }
  return session.ExitWith(0);
}

// The screen and its keys. No key waits for the daemon: calls are made by the feeds.
class LiveTop {
 public:
  LiveTop(Session& session, client::Client client, LiveScreen& screen)
      : session_(session), client_(std::move(client)), screen_(screen) {}

  // Until somebody leaves: the exit code.
  int Run(std::chrono::milliseconds interval) {
    Look();
    while (!code_) {
      if (seen_) Draw();
      if (session_.console().out_error() != 0) return session_.ExitWith(0);
      switch (screen_.Wait(interval, looks_.fd(), cancels_.fd())) {
        case LiveScreen::Event::kKey:
          Press(screen_.key());
          break;
        case LiveScreen::Event::kSignal:
          code_ = kExitSignalBase + screen_.signal();
          break;
        case LiveScreen::Event::kResize:
          break;
        case LiveScreen::Event::kTime:
          if (!looks_.busy()) Look();
          break;
        case LiveScreen::Event::kNews:
          TakeNews();
          break;
      }
    }
    return *code_;
  }

  // A call is under way: the program must end without waiting for it.
  bool busy() const { return looks_.busy() || cancels_.busy(); }

 private:
  void Draw() {
    const Console& console = session_.console();
    screen_.Draw(model_.Text({.columns = console.out_columns(),
                              .rows = std::max<size_t>(console.out_rows(), 2),
                              .colors = console.out_has_colors(),
                              .short_ids = true}));
  }
  void Look() {
    looks_.Ask([client = client_, place = model_.place()] { return LookAt(client, place); });
  }
  void Press(int key) {
    switch (model_.Press(key)) {
      case TopModel::Wish::kNothing:
        break;
      case TopModel::Wish::kLeave:
        code_ = 0;
        break;
      case TopModel::Wish::kLook:
        Look();
        break;
      case TopModel::Wish::kCancel:
        cancels_.Ask(
            [client = client_, target = model_.cancelled()] { return CancelFromTop(client, target); });
        break;
    }
  }
  void TakeNews() {
    if (std::optional<Result<std::string>> said = cancels_.Next()) {
      model_.Say(said->ok() ? said->value() : Printable(said->error().message));
    }
    std::optional<Result<TopLook>> look = looks_.Next();
    if (!look) return;
    if (look->ok()) {
      seen_ = true;
      model_.Take(std::move(look->value()));
      if (!model_.ready()) Look();  // it was of another place
    } else if (seen_) {
      model_.SayOld("not now: " + Printable(look->error().message));
    } else {
      code_ = session_.Fail(look->error());
    }
  }

  Session& session_;
  client::Client client_;
  LiveScreen& screen_;
  LiveFeed<TopLook> looks_;
  LiveFeed<std::string> cancels_;
  TopModel model_;
  bool seen_ = false;  // something was drawn
  std::optional<int> code_;
};

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
  LiveTop top(session, client.value(), *screen);
  const int code = top.Run(std::chrono::duration_cast<std::chrono::milliseconds>(interval));
  screen.reset();  // the terminal is as it was
  if (top.busy()) _exit(code);
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
