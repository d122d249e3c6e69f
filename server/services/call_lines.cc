#include "server/services/call_lines.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace covey {
namespace {

constexpr size_t kMostFields = 5;

// "GroupService/GetGroup" of "/covey.v1.GroupService/GetGroup".
std::string ShortName(const methods::Method& method) {
  const std::string_view name = method.name;
  return std::string(name.substr(name.rfind('.') + 1));
}

LogLevel LevelOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kCancelled:
    case ErrorCode::kDeadlineExceeded:
    case ErrorCode::kNotFound:
    case ErrorCode::kAlreadyExists:
      return LogLevel::kDebug;
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kFailedPrecondition:
    case ErrorCode::kUnimplemented:
      return LogLevel::kInfo;
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kResourceExhausted:
    case ErrorCode::kUnavailable:
    case ErrorCode::kInternal:
    case ErrorCode::kDataLoss:
      break;
  }
  return LogLevel::kWarning;
}

// The path without the keys of maps, which are the client's: "spec.env" of "spec.env["A"]".
std::string Named(const FieldViolation& violation) {
  return violation.field.substr(0, violation.field.find("[\""));
}

std::string FieldNames(const Error& error) {
  std::string names;
  const size_t shown = std::min(error.fields.size(), kMostFields);
  for (size_t i = 0; i < shown; ++i) names += (i == 0 ? "" : ", ") + Named(error.fields[i]);
  if (error.fields.size() > shown) names += " and " + std::to_string(error.fields.size() - shown) + " more";
  return names;
}

void TellAsked(const CallContext& context, const edge::Call& call, LogPart part, std::string_view kind,
               std::string message, std::vector<LogField> fields) {
  const std::shared_ptr<Log>& log = context.service.log;
  if (log == nullptr || !log->Wants(part, LogLevel::kInfo)) return;
  fields.emplace_back("caller", call.peer());
  log->Write({.part = part, .kind = kind, .message = std::move(message), .fields = std::move(fields)});
}

}  // namespace

void TellCancel(const CallContext& context, const edge::Call& call, const std::string& group,
                const std::string& task, const std::string& reason) {
  TellAsked(context, call, task.empty() ? LogPart::kGroups : LogPart::kTasks, "cancel_requested",
            "a cancel was asked for", {{"group", group}, {"task", task}, {"reason", reason}});
}

void TellDrain(const CallContext& context, const edge::Call& call) {
  const Engine::Counts left = context.engine().counts();
  TellAsked(context, call, LogPart::kDaemon, "drain", "draining: no new groups are taken",
            {{"groups", uint64_t{left.running_groups}},
             {"running", uint64_t{left.running_tasks}},
             {"queued", uint64_t{left.queued_tasks}}});
}

void TellUndrain(const CallContext& context, const edge::Call& call) {
  TellAsked(context, call, LogPart::kDaemon, "undrain", "the drain was taken back: new groups are taken", {});
}

void TellRefused(const CallContext& context, const edge::Call& call, const Error& error) {
  const std::shared_ptr<Log>& log = context.service.log;
  const LogLevel level = LevelOf(error.code);
  if (log == nullptr || !log->Wants(LogPart::kCalls, level)) return;
  const bool malformed = error.code == ErrorCode::kInvalidArgument;
  const bool journal = error.reason.starts_with("JOURNAL_");  // which tells of itself
  const bool bound = error.code == ErrorCode::kResourceExhausted && !journal;
  LogLine line{
      .part = LogPart::kCalls,
      .level = level,
      .kind = bound ? "bound_reached" : "call_refused",
      .message = bound ? "a bound is reached: a call was refused" : "a call was refused",
      .fields = {{"method", ShortName(context.method)}, {"caller", call.peer()}, {"reason", error.reason}}};
  if (bound || journal) line.most = 1;  // who met it asks again and again
  if (malformed) {
    line.fields.emplace_back("fields", FieldNames(error));
  } else {
    line.fields.emplace_back("why", error.message);
  }
  log->Write(std::move(line), error.reason);
}

void TellWaitsForRoom(const CallContext& context, const edge::Call& call) {
  const std::shared_ptr<Log>& log = context.service.log;
  if (log == nullptr || !log->Wants(LogPart::kCalls, LogLevel::kInfo)) return;
  const Budget::Usage queue = context.engine().queue_usage();
  log->Write({.part = LogPart::kCalls,
              .kind = "bound_reached",
              .message = "the queue is full: a call waits for room",
              .fields = {{"method", ShortName(context.method)},
                         {"caller", call.peer()},
                         {"max_queued", uint64_t{queue.limit.tasks}},
                         {"queued", uint64_t{queue.used.tasks}},
                         {"max_queued_bytes", uint64_t{queue.limit.bytes}},
                         {"queued_bytes", uint64_t{queue.used.bytes}}},
              .most = 1},
             "waits");
}

void TellSlow(const CallContext& context, const edge::Call& call, std::chrono::nanoseconds took, int code) {
  const std::shared_ptr<Log>& log = context.service.log;
  if (log == nullptr) return;
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  log->Write({.part = LogPart::kCalls,
              .level = LogLevel::kWarning,
              .kind = "slow_call",
              .message = "a call was slow",
              .fields = {{"method", ShortName(context.method)},
                         {"caller", call.peer()},
                         {"milliseconds", static_cast<uint64_t>(milliseconds)},
                         {"code", static_cast<uint64_t>(code)}}},
             ShortName(context.method));
}

}  // namespace covey
