#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "client/cli/command.h"
#include "client/cli/output_printer.h"
#include "client/cli/target.h"
#include "client/cli/text.h"

namespace covey::cli {
namespace {

constexpr std::string_view kLogsDetails =
    "Prints what a task wrote, byte by byte: its standard output, with --stderr its standard\n"
    "error. For a group prints what its tasks wrote, one task after the other in the order of\n"
    "their submission, each line behind the name of its task; standard output and standard\n"
    "error stay apart, and --stderr leaves the latter alone. With --follow waits for what is\n"
    "written until the task has ended, or the group; the tasks of a group then come as they\n"
    "write, those that have ended first. Bytes that the daemon did not keep are told on\n"
    "standard error.";

constexpr std::string_view kLogsExamples =
    "covey logs G/resize > resize.log\n"
    "covey logs --follow --stderr G/resize\n"
    "covey logs --from 4096 G/resize\n"
    "covey logs G";

constexpr std::string_view kLogsExits =
    "0    printed\n"
    "1    the group or task is not known\n"
    "69   the daemon is out of reach or was lost\n"
    "141  nobody reads standard output any more";

constexpr int kLogsPageSize = 1000;

// Prints one stream of one attempt.
Result<Void> PrintStream(Session& session, client::Client& client, const v1::ReadOutputRequest& request,
                         OutputPrinter* printer) {
  const std::unique_ptr<client::OutputReader> stream = client.ReadOutput(request);
  for (v1::ReadOutputResponse message; stream->Next(&message);) {
    if (session.json()) {
      session.PrintJson(message.chunk());
    } else {
      printer->Print(message.chunk());
    }
    if (session.console().out_error() != 0) {
      stream->Cancel();
      return Void{};
    }
  }
  printer->Flush();
  return stream->Finish();
}

int PrintTask(Session& session, client::Client& client, const Arguments& arguments,
              v1::ReadOutputRequest request) {
  request.set_stream(arguments.Has("stderr") ? v1::OUTPUT_STREAM_STDERR : v1::OUTPUT_STREAM_STDOUT);
  if (const auto from = arguments.Get("from")) {
    const Result<uint64_t> parsed = ParseNumber("from", *from, 0, UINT64_MAX);
    if (!parsed.ok()) return session.Fail(parsed.error());
    request.set_offset(parsed.value());
  }
  if (const auto attempt = arguments.Get("attempt")) {
    const Result<uint64_t> parsed = ParseNumber("attempt", *attempt, 1, UINT32_MAX);
    if (!parsed.ok()) return session.Fail(parsed.error());
    request.set_attempt(static_cast<uint32_t>(parsed.value()));
  }
  // Bytes of the task's standard error go to our standard output as well: they are what was asked for.
  OutputPrinter printer(session.console(), OutputPrinter::Mode::kAllToOut);
  const Result<Void> printed = PrintStream(session, client, request, &printer);
  return printed.ok() ? session.ExitWith(0) : session.Fail(printed.error());
}

// All tasks at once, until the group is over.
int FollowGroup(Session& session, client::Client& client, const std::string& group, bool only_stderr) {
  v1::StreamOutputRequest request;
  request.set_group_id(group);
  request.set_follow(true);
  if (only_stderr) request.set_stream(v1::OUTPUT_STREAM_STDERR);
  OutputPrinter printer(session.console(), OutputPrinter::Mode::kNamed);
  const std::unique_ptr<client::GroupOutputReader> stream = client.StreamOutput(request);
  for (v1::StreamOutputResponse message; stream->Next(&message);) {
    if (session.json()) {
      session.PrintJson(message.chunk());
    } else {
      printer.Print(message.chunk());
    }
    if (session.console().out_error() != 0) {
      stream->Cancel();
      return session.ExitWith(0);
    }
  }
  printer.Flush();
  const Result<Void> printed = stream->Finish();
  return printed.ok() ? session.ExitWith(0) : session.Fail(printed.error());
}

int PrintGroup(Session& session, client::Client& client, const Arguments& arguments,
               v1::ReadOutputRequest request) {
  for (const std::string_view option : {"from", "attempt"}) {
    if (arguments.Has(option))
      return session.Fail(UsageError("--" + std::string(option) + " needs a task: GROUP/TASK"));
  }
  if (request.follow()) return FollowGroup(session, client, request.group_id(), arguments.Has("stderr"));
  std::vector<v1::OutputStream> streams = {v1::OUTPUT_STREAM_STDERR};
  if (!arguments.Has("stderr")) streams.insert(streams.begin(), v1::OUTPUT_STREAM_STDOUT);
  OutputPrinter printer(session.console(), OutputPrinter::Mode::kNamed);
  v1::ListTasksRequest list;
  list.set_group_id(request.group_id());
  list.set_page_size(kLogsPageSize);
  Result<Void> printed = Void{};
  const Result<Void> listed = client.ForEachTask(std::move(list), [&](const v1::Task& task) {
    request.set_task(task.name());
    for (const v1::OutputStream stream : streams) {
      const uint64_t bytes = stream == v1::OUTPUT_STREAM_STDERR ? task.stderr_bytes() : task.stdout_bytes();
      if (bytes == 0) continue;
      request.set_stream(stream);
      printed = PrintStream(session, client, request, &printer);
      if (!printed.ok() || session.console().out_error() != 0) return false;
    }
    return true;
  });
  if (!listed.ok()) return session.Fail(listed.error());
  if (!printed.ok()) return session.Fail(printed.error());
  return session.ExitWith(0);
}

int DoLogs(Session& session, const Arguments& arguments) {
  const Result<Target> target = ParseTarget(arguments.words()[0]);
  if (!target.ok()) return session.Fail(target.error());
  Result<client::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.error());
  v1::ReadOutputRequest request;
  request.set_group_id(target.value().group);
  request.set_task(target.value().task);
  request.set_follow(arguments.Has("follow"));
  return target.value().task.empty() ? PrintGroup(session, client.value(), arguments, request)
                                     : PrintTask(session, client.value(), arguments, request);
}

}  // namespace

Command LogsCommand() {
  return {
      .name = "logs",
      .synopsis = "[--stderr] [--follow] [--from OFFSET] [--attempt N] GROUP[/TASK]",
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
                  {.name = "follow", .help = "wait for what is still to be written"},
                  {.name = "from", .value = "OFFSET", .help = "first byte to print; default: 0"},
                  {.name = "attempt", .value = "N", .help = "attempt of the task; default: the last"}},
      .run = DoLogs,
  };
}

}  // namespace covey::cli
