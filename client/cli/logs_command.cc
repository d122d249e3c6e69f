#include <google/protobuf/timestamp.pb.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/command.h"
#include "client/cli/exit_code.h"
#include "client/cli/find.h"
#include "client/cli/format.h"
#include "client/cli/output_printer.h"
#include "client/cli/since_filter.h"
#include "client/cli/tail.h"
#include "client/cli/target.h"
#include "client/cli/text.h"
#include "client/cli/waiting.h"
#include "client/cli/when.h"

namespace covey::cli {
namespace {

constexpr std::string_view kLogsDetails =
    "Prints what a task wrote, byte by byte: its standard output, with --stderr its standard\n"
    "error. For a group prints what its tasks wrote, one task after the other in the order of\n"
    "their submission, each line behind the name of its task; standard output and standard\n"
    "error stay apart, and --stderr leaves the latter alone. With --follow waits for what is\n"
    "written until the task has ended, or the group, and exits as it ended; the tasks of a group\n"
    "then come as they write, those that have ended first. --tail begins with the last lines, of\n"
    "a group with those of each task. Bytes that the daemon did not keep are told on standard\n"
    "error.\n"
    "\n"
    "--timestamps puts in front of each line when it was begun, to 100 ms, and less exactly where\n"
    "a task has written for long; --since leaves out the lines that were begun before. What a\n"
    "daemon of an older version has kept has no times: its lines have - and are left in.";

constexpr std::string_view kLogsExamples =
    "covey logs G/resize > resize.log\n"
    "covey logs --follow --tail 20 @last\n"
    "covey logs --follow --stderr G/resize\n"
    "covey logs --timestamps --since 10m G\n"
    "covey logs --from 4096 G/resize\n"
    "covey logs G";

constexpr std::string_view kLogsExits =
    "0      printed; with --follow: the task or group succeeded\n"
    "1      the group or task is not known\n"
    "69     the daemon is out of reach or was lost\n"
    "141    nobody reads standard output any more\n"
    "other  --follow: as `covey wait` for what did not succeed";

constexpr int kLogsPageSize = 1000;

// What was asked for, besides what it is of.
struct LogOptions {
  bool standard_error = false;
  std::optional<uint64_t> from;
  std::optional<uint64_t> attempt;
  std::optional<uint64_t> tail;
  std::optional<google::protobuf::Timestamp> since;
  bool timestamps = false;
  std::optional<Times> times;  // how they look
};

// Where the output goes: what is older than it should be is left out.
class LogPrinter {
 public:
  LogPrinter(Session& session, OutputPrinter::Mode mode, const LogOptions& options)
      : session_(session), printer_(session.console(), mode, StampOf(options)) {
    if (options.since) since_.emplace(*options.since);
  }

  void Print(v1::OutputChunk chunk) {
    if (since_ && !since_->Keep(&chunk)) return;
    if (session_.json()) {
      session_.PrintJson(chunk);
    } else {
      printer_.Print(chunk);
    }
  }
  void Flush() { printer_.Flush(); }
  // When all is printed.
  void Finish() {
    printer_.Flush();
    if (!since_ || !since_->met_unknown() || session_.json()) return;
    session_.console().Note(
        "--since: some of it has no times, which an older version did not keep: it is shown whatever its "
        "age");
  }

 private:
  static OutputPrinter::Stamp StampOf(const LogOptions& options) {
    if (!options.timestamps) return nullptr;
    return [times = options.times](const google::protobuf::Timestamp* time) -> std::string {
      if (time == nullptr) return "-";
      return times ? WhenText(*time, *times, WallClock::now()) : TimeText(*time);  // to the millisecond
    };
  }

  Session& session_;
  OutputPrinter printer_;
  std::optional<SinceFilter> since_;
};

// Prints one stream of one attempt.
Result<Void> PrintStream(Session& session, client::Client& client, const v1::ReadOutputRequest& request,
                         LogPrinter* printer) {
  const std::unique_ptr<client::OutputReader> stream = client.ReadOutput(request);
  for (v1::ReadOutputResponse message; stream->Next(&message);) {
    printer->Print(std::move(*message.mutable_chunk()));
    if (session.console().out_error() != 0) {
      stream->Cancel();
      return Void{};
    }
  }
  printer->Flush();
  return stream->Finish();
}

Result<LogOptions> ReadLogOptions(const Arguments& arguments) {
  constexpr uint64_t kMostLines = 1'000'000;
  LogOptions options{.standard_error = arguments.Has("stderr"),
                     .from = {},
                     .attempt = {},
                     .tail = {},
                     .since = {},
                     .timestamps = arguments.Has("timestamps"),
                     .times = {}};
  const auto read = [&arguments](std::string_view name, uint64_t least, uint64_t most,
                                 std::optional<uint64_t>* value) -> Result<Void> {
    const std::optional<std::string> text = arguments.Get(name);
    if (!text) return Void{};
    const Result<uint64_t> parsed = ParseNumber(name, *text, least, most);
    if (!parsed.ok()) return parsed.error();
    *value = parsed.value();
    return Void{};
  };
  if (const auto from = read("from", 0, UINT64_MAX, &options.from); !from.ok()) return from.error();
  if (const auto attempt = read("attempt", 1, UINT32_MAX, &options.attempt); !attempt.ok())
    return attempt.error();
  if (const auto tail = read("tail", 0, kMostLines, &options.tail); !tail.ok()) return tail.error();
  if (const auto text = arguments.Get("since")) {
    const Result<google::protobuf::Timestamp> since = ParseWhen("since", *text, WallClock::now());
    if (!since.ok()) return since.error();
    options.since = since.value();
  }
  if (const auto times = arguments.Get("times")) {
    if (!options.timestamps) return UsageError("--times goes with --timestamps");
    options.times = ReadTimes(*times, Times::kUtc);
  }
  if (options.tail && options.from) return UsageError("--tail and --from: one of them says where to begin");
  return options;
}

// What only one task can have; `one_task`: that is what is printed.
Result<Void> CheckLogOptions(const LogOptions& options, bool one_task) {
  if (one_task || (!options.from && !options.attempt)) return Void{};
  return UsageError((options.from ? "--from" : "--attempt") + std::string(" needs a task: GROUP/TASK"));
}

// Where the last `lines` lines of the stream begin. `written`: how many bytes there are, when that is known.
Result<uint64_t> FindTail(client::Client& client, v1::ReadOutputRequest request, uint64_t lines,
                          std::optional<uint64_t> written) {
  constexpr uint64_t kFirstLook = 64 << 10;
  request.set_follow(false);
  for (uint64_t look = kFirstLook;; look *= 4) {  // from the end, until it has that many lines
    const bool all = !written || look >= *written;
    request.set_offset(all ? 0 : *written - look);
    LineStarts last(lines);
    LineStarts one_more(lines + 1);  // when there is one, the others begin where they seem to
    const std::unique_ptr<client::OutputReader> stream = client.ReadOutput(request);
    for (v1::ReadOutputResponse message; stream->Next(&message);) {
      last.Feed(message.chunk().offset(), message.chunk().data());
      one_more.Feed(message.chunk().offset(), message.chunk().data());
    }
    if (const Result<Void> end = stream->Finish(); !end.ok()) return end.error();
    if (all || one_more.full()) return last.first();
  }
}

// As the task ended, unless it will run again, or another attempt was asked for.
int ExitAsEnded(Session& session, client::Client& client, const v1::ReadOutputRequest& request) {
  constexpr std::chrono::seconds kForItsEnd{10};  // its end comes right behind that of its output
  v1::WaitTaskRequest wait;
  wait.set_group_id(request.group_id());
  wait.set_task(request.task());
  const client::CallOptions bounded = BoundWait({.timeout = kForItsEnd}, &wait);
  const Result<v1::Task> task = client.WaitTask(wait, bounded);
  if (!task.ok()) return session.Fail(task.error());
  const bool asked = request.attempt() == 0 || request.attempt() == task.value().attempt();
  return session.ExitWith(asked && client::IsOver(task.value()) ? ExitCode(task.value()) : 0);
}

int PrintTask(Session& session, client::Client& client, const LogOptions& options,
              v1::ReadOutputRequest request) {
  request.set_stream(options.standard_error ? v1::OUTPUT_STREAM_STDERR : v1::OUTPUT_STREAM_STDOUT);
  request.set_offset(options.from.value_or(0));
  request.set_attempt(static_cast<uint32_t>(options.attempt.value_or(0)));
  if (options.tail) {
    std::optional<uint64_t> written;
    if (request.attempt() == 0) {
      const Result<v1::Task> task = client.GetTask(request.group_id(), request.task());
      if (!task.ok()) return session.Fail(task.error());
      written = options.standard_error ? task.value().stderr_bytes() : task.value().stdout_bytes();
    }
    const Result<uint64_t> offset = FindTail(client, request, *options.tail, written);
    if (!offset.ok()) return session.Fail(offset.error());
    request.set_offset(offset.value());
  }
  // Bytes of the task's standard error go to our standard output as well: they are what was asked for.
  LogPrinter printer(session, OutputPrinter::Mode::kAllToOut, options);
  const Result<Void> printed = PrintStream(session, client, request, &printer);
  printer.Finish();
  if (!printed.ok()) return session.Fail(printed.error());
  return request.follow() ? ExitAsEnded(session, client, request) : session.ExitWith(0);
}

// Keeps the last lines of each task of what there is, and leaves in `request` where it ended.
Result<Tails> TakeTails(client::Client& client, uint64_t lines, v1::StreamOutputRequest* request) {
  Tails tails(lines);
  request->set_follow(false);
  const std::unique_ptr<client::GroupOutputReader> stream = client.StreamOutput(*request);
  for (v1::StreamOutputResponse message; stream->Next(&message);) {
    tails.Feed(message.chunk());
    request->set_cursor(message.cursor());
  }
  if (const Result<Void> end = stream->Finish(); !end.ok()) return end.error();
  return tails;
}

// All tasks at once, until the group is over.
int FollowGroup(Session& session, client::Client& client, const std::string& group,
                const LogOptions& options) {
  v1::StreamOutputRequest request;
  request.set_group_id(group);
  if (options.standard_error) request.set_stream(v1::OUTPUT_STREAM_STDERR);
  LogPrinter printer(session, OutputPrinter::Mode::kNamed, options);
  if (options.tail) {
    const Result<Tails> tails = TakeTails(client, *options.tail, &request);
    if (!tails.ok()) return session.Fail(tails.error());
    tails.value().ForEach([&](const v1::OutputChunk& chunk) { printer.Print(chunk); });
  }
  request.set_follow(true);
  const std::unique_ptr<client::GroupOutputReader> stream = client.StreamOutput(request);
  for (v1::StreamOutputResponse message; stream->Next(&message);) {
    printer.Print(std::move(*message.mutable_chunk()));
    if (session.console().out_error() != 0) {
      stream->Cancel();
      return session.ExitWith(0);
    }
  }
  printer.Finish();
  const Result<Void> printed = stream->Finish();
  if (!printed.ok()) return session.Fail(printed.error());
  const Result<v1::GroupResult> result = client.WaitGroup(group);
  return result.ok() ? session.ExitWith(ExitCode(result.value())) : session.Fail(result.error());
}

int PrintGroup(Session& session, client::Client& client, const LogOptions& options,
               v1::ReadOutputRequest request) {
  if (request.follow()) return FollowGroup(session, client, request.group_id(), options);
  std::vector<v1::OutputStream> streams = {v1::OUTPUT_STREAM_STDERR};
  if (!options.standard_error) streams.insert(streams.begin(), v1::OUTPUT_STREAM_STDOUT);
  LogPrinter printer(session, OutputPrinter::Mode::kNamed, options);
  v1::ListTasksRequest list;
  list.set_group_id(request.group_id());
  list.set_page_size(kLogsPageSize);
  Result<Void> printed = Void{};
  const auto is_damage = [](const Error& error) { return error.code == ErrorCode::kDataLoss; };
  const Result<Void> listed = client.ForEachTask(std::move(list), [&](const v1::Task& task) {
    request.set_task(task.name());
    for (const v1::OutputStream stream : streams) {
      const uint64_t bytes = stream == v1::OUTPUT_STREAM_STDERR ? task.stderr_bytes() : task.stdout_bytes();
      if (bytes == 0) continue;
      request.set_stream(stream);
      if (options.tail) {
        const Result<uint64_t> offset = FindTail(client, request, *options.tail, bytes);
        if (!offset.ok()) {
          printed = offset.error();
          return false;
        }
        request.set_offset(offset.value());
      }
      const Result<Void> part = PrintStream(session, client, request, &printer);
      if (!part.ok()) printed = part;  // of a damaged group the others can be told as well
      if ((!part.ok() && !is_damage(part.error())) || session.console().out_error() != 0) return false;
    }
    return true;
  });
  printer.Finish();
  if (!listed.ok()) return session.Fail(listed.error());
  if (!printed.ok()) return session.Fail(printed.error());
  return session.ExitWith(0);
}

int DoLogs(Session& session, const Arguments& arguments) {
  const std::string& word = arguments.words()[0];
  const Result<Target> typed = ParseTarget(word);
  if (!typed.ok()) return session.Fail(typed.error());
  const Result<LogOptions> options = ReadLogOptions(arguments);
  if (!options.ok()) return session.Fail(options.error());
  if (const auto fit = CheckLogOptions(options.value(), !typed.value().task.empty()); !fit.ok())
    return session.Fail(fit.error());
  Result<client::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.error());
  const Result<Target> target = FindTarget(client.value(), word);
  if (!target.ok()) return session.Fail(target.error());
  if (const auto fit = CheckLogOptions(options.value(), !target.value().task.empty()); !fit.ok())
    return session.Fail(fit.error());  // the name of a group may have a slash
  v1::ReadOutputRequest request;
  request.set_group_id(target.value().group);
  request.set_task(target.value().task);
  request.set_follow(arguments.Has("follow"));
  return target.value().task.empty() ? PrintGroup(session, client.value(), options.value(), request)
                                     : PrintTask(session, client.value(), options.value(), request);
}

}  // namespace

Command LogsCommand() {
  return {
      .name = "logs",
      .synopsis = "[--follow] [--tail N] [--since T] [OPTIONS] GROUP[/TASK]",
      .summary = "prints what tasks wrote",
      .details = kLogsDetails,
      .examples = kLogsExamples,
      .exits = kLogsExits,
      .words = {.names = Names::kAnyTarget,
                .least = 1,
                .most = 1,
                .what = "one group, or one task as GROUP/TASK"},
      .only_prints = true,
      .options = {{.name = "stderr", .help = "standard error instead of standard output"},
                  {.name = "follow", .letter = 'f', .help = "wait for what is still to be written"},
                  {.name = "tail",
                   .letter = 'n',
                   .value = "N",
                   .help = "the last N lines; of a group, of each task"},
                  {.name = "since",
                   .value = "TIME",
                   .help = "leave out what was written before: 18:00, 2026-11-27, yesterday,\n"
                           "2026-11-27T18:00:00Z, or how long ago, as in 2h"},
                  {.name = "timestamps", .letter = 't', .help = "begin each line with its time"},
                  {.name = "times",
                   .value = "HOW",
                   .choices = "relative local utc",
                   .help = "with --timestamps: relative, local (see TZ) or utc (default)"},
                  {.name = "from", .value = "OFFSET", .help = "first byte to print; default: 0"},
                  {.name = "attempt", .value = "N", .help = "attempt of the task; default: the last"}},
      .run = DoLogs,
  };
}

}  // namespace covey::cli
