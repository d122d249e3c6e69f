#include <google/protobuf/util/time_util.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "client/cli/command.h"
#include "client/cli/find.h"
#include "client/cli/format.h"
#include "client/cli/text.h"
#include "client/cli/when.h"
#include "core/base/plural.h"

namespace covey::cli {
namespace {

constexpr std::string_view kEventsDetails =
    "Prints the events of a group, one a line: its number, its time, what happened, to which\n"
    "task. Numbers have no gap, so that --after takes up where an earlier stream ended. With\n"
    "--follow goes on with what happens until the group is over; --new begins with what happens\n"
    "from now on. Without a group prints the events of all groups, or of those with the labels\n"
    "of --label, each behind its group.";

constexpr std::string_view kEventsExamples =
    "covey events 0190a4c2-5f7e-7c31-9d0e-3b1f5a6c7d8e\n"
    "covey events --follow --after 120 G\n"
    "covey events --new --kind group-completed --label team=birds\n"
    "covey events --since 18:00 --times local\n"
    "covey --output json events --follow G | jq -r .kind";

constexpr std::string_view kEventsExits =
    "0    printed, with --follow to the end of the group\n"
    "1    the group is not known\n"
    "69   the daemon is out of reach or was lost\n"
    "141  nobody reads standard output any more";

std::string DetailsText(const v1::Event& event) {
  std::string text;
  const auto add = [&text](const std::string& part) { text += (text.empty() ? "" : " ") + part; };
  if (!event.task().empty()) add(Printable(event.task()));
  if (event.attempt() > 1) add("attempt " + std::to_string(event.attempt()));
  if (event.task_state() != v1::TASK_STATE_UNSPECIFIED) add(std::string(StateText(event.task_state())));
  if (event.outcome() != v1::GROUP_STATE_UNSPECIFIED) add(std::string(StateText(event.outcome())));
  if (event.signal() != 0) add("signal " + std::to_string(event.signal()));
  if (event.stopped_tasks() != 0) add(Plural(event.stopped_tasks(), "queued task") + " stopped");
  if (event.has_failure()) {
    const bool same_task = event.failure().task() == event.task();
    add("(" + (same_task ? FailureText(event.failure()) : BlameText(event.failure())) + ")");
  }
  return text;
}

std::string EventLine(const v1::Event& event, bool with_group, const std::string& time) {
  constexpr size_t kNumberWidth = 6;
  constexpr size_t kKindWidth = 16;
  std::string number = std::to_string(event.number());
  if (number.size() < kNumberWidth) number.insert(0, kNumberWidth - number.size(), ' ');
  std::string kind = EventText(event.kind());
  const std::string details = DetailsText(event);
  if (!details.empty() && kind.size() < kKindWidth) kind.resize(kKindWidth, ' ');
  std::string line = with_group ? Printable(event.group_id()) + " " : "";
  line += number + "  " + time + "  " + kind;
  if (!details.empty()) line += "  " + details;
  return line + "\n";
}

// Where to begin: --after, --new and --since, of which one may be given. `since` is left for one group, whose events
// the daemon does not choose by time.
Result<Void> ReadStart(const Arguments& arguments, v1::StreamEventsRequest* request,
                       std::optional<google::protobuf::Timestamp>* since) {
  const bool one_group = !arguments.words().empty();
  if (arguments.Has("after") + arguments.Has("new") + arguments.Has("since") > 1)
    return UsageError("--after, --new and --since: one of them says where to begin");
  if (const auto after = arguments.Get("after")) {
    const Result<uint64_t> parsed = ParseNumber("after", *after, 0, UINT64_MAX);
    if (!parsed.ok()) return parsed.error();
    if (!one_group) return UsageError("--after needs a group");
    request->set_after(parsed.value());
  }
  if (const auto text = arguments.Get("since")) {
    const Result<google::protobuf::Timestamp> time = ParseWhen("since", *text, WallClock::now());
    if (!time.ok()) return time.error();
    if (one_group) {
      *since = time.value();
    } else {
      *request->mutable_time() = time.value();
    }
  }
  if (arguments.Has("new") && !one_group) request->set_latest(true);
  request->set_follow(arguments.Has("follow") || arguments.Has("new"));
  return Void{};
}

// The group that is named, and with --new the number of its newest event.
Result<Void> FindStart(client::Client& client, const Arguments& arguments, v1::StreamEventsRequest* request) {
  if (arguments.words().empty()) return Void{};
  Result<std::string> group = FindGroup(client, arguments.words()[0]);
  if (!group.ok()) return group.error();
  request->set_group_id(std::move(group.value()));
  if (!arguments.Has("new")) return Void{};
  const Result<v1::Group> now = client.GetGroup(request->group_id());
  if (!now.ok()) return now.error();
  request->set_after(now.value().last_event());
  return Void{};
}

int DoEvents(Session& session, const Arguments& arguments) {
  using google::protobuf::util::TimeUtil;
  v1::StreamEventsRequest request;
  std::optional<google::protobuf::Timestamp> since;
  if (const auto read = ReadStart(arguments, &request, &since); !read.ok()) return session.Fail(read.error());
  for (const std::string& name : arguments.All("kind")) {
    for (int kind = v1::EventKind_MIN; kind <= v1::EventKind_MAX; ++kind) {
      if (EventText(static_cast<v1::EventKind>(kind)) == name)
        request.add_kinds(static_cast<v1::EventKind>(kind));
    }
  }
  const auto labels = ParsePairs("label", arguments.All("label"));
  if (!labels.ok()) return session.Fail(labels.error());
  if (!labels.value().empty() && !arguments.words().empty())
    return session.Fail(UsageError("--label goes with no group: it chooses groups"));
  request.mutable_labels()->insert(labels.value().begin(), labels.value().end());
  Result<client::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.error());
  if (const auto found = FindStart(client.value(), arguments, &request); !found.ok())
    return session.Fail(found.error());

  const Times times = ReadTimes(arguments.Get("times").value_or(""), Times::kUtc);
  const bool exact = !arguments.Has("times");  // to the millisecond
  const std::unique_ptr<client::EventStream> stream = client.value().StreamEvents(request);
  for (v1::StreamEventsResponse message; stream->Next(&message);) {
    std::string lines;
    for (const v1::Event& event : message.events()) {
      if (since && event.time() < *since) continue;
      if (session.json()) {
        session.PrintJson(event);
      } else {
        lines += EventLine(event, request.group_id().empty(),
                           exact ? TimeText(event.time()) : WhenText(event.time(), times, WallClock::now()));
      }
    }
    session.Print(lines);
    if (session.console().out_error() != 0) {
      stream->Cancel();
      return session.ExitWith(0);
    }
  }
  const Result<Void> end = stream->Finish();
  return end.ok() ? session.ExitWith(0) : session.Fail(end.error());
}

}  // namespace

Command EventsCommand() {
  return {
      .name = "events",
      .synopsis = "[--follow] [--new | --since T | --after N] [--kind KIND] [GROUP | --label K=V]",
      .summary = "prints what happened to a group, and what happens",
      .details = kEventsDetails,
      .examples = kEventsExamples,
      .exits = kEventsExits,
      .words = {.names = Names::kAnyGroup, .most = 1, .what = "one group"},
      .only_prints = true,
      .options = {{.name = "after", .value = "N", .help = "number of the last event already seen"},
                  {.name = "follow", .letter = 'f', .help = "go on with what happens from now on"},
                  {.name = "new", .help = "begin with what happens from now on, and follow it"},
                  {.name = "since",
                   .value = "TIME",
                   .help = "begin with what happened at this time: 18:00, 2026-11-27,\n"
                           "yesterday, 2026-11-27T18:00:00Z, or how long ago, as in 2h"},
                  {.name = "times",
                   .value = "HOW",
                   .choices = "relative local utc",
                   .help = "times as relative, local (see TZ) or utc (default)"},
                  {.name = "kind",
                   .value = "KIND",
                   .choices = "group-created task-submitted task-started task-exited cancel-requested "
                              "cancel-delivered cancel-killed cancel-gone group-sealed group-decided "
                              "group-completed",
                   .help = "only events of this kind; may be repeated",
                   .repeated = true},
                  {.name = "label",
                   .value = "K=V",
                   .help = "only groups with this label; may be repeated",
                   .repeated = true}},
      .run = DoEvents,
  };
}

}  // namespace covey::cli
