#include "client/cli/format.h"

#include <signal.h>
#include <string.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <map>

#include "client/cli/text.h"
#include "core/base/duration.h"
#include "core/base/plural.h"
#include "covey/client/task.h"

namespace covey::cli {
namespace {

std::string KindText(const v1::Failure& failure) {
  switch (failure.kind()) {
    case v1::FAILURE_KIND_EXIT:
      return "exit " + std::to_string(failure.code());
    case v1::FAILURE_KIND_SIGNAL: {
      const char* name = sigabbrev_np(failure.code());
      return "signal " + std::to_string(failure.code()) +
             (name == nullptr ? "" : " (" + std::string(name) + ")");
    }
    case v1::FAILURE_KIND_PANIC:
      return "panic";
    case v1::FAILURE_KIND_TIMEOUT:
      return "timeout";
    case v1::FAILURE_KIND_CANCELLED:
      return "cancelled";
    case v1::FAILURE_KIND_LOST:
      return "lost";
    case v1::FAILURE_KIND_REJECTED:
      return "refused";
    default:
      return failure.code() == 0 ? "error" : "error " + std::to_string(failure.code());
  }
}

// True for what the daemon's process executor says about every exit and every signal.
bool SaysNoMore(const v1::Failure& failure) {
  return failure.message() == "exited with code " + std::to_string(failure.code()) ||
         (failure.kind() == v1::FAILURE_KIND_SIGNAL && failure.message().starts_with("ended by SIG"));
}

bool NeedsQuotes(std::string_view word) {
  return word.empty() || std::any_of(word.begin(), word.end(), [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) == 0 &&
                  std::string_view("%+,-./:=@_^").find(c) == std::string_view::npos;
         });
}

std::string ShellWord(std::string_view word) {
  if (!NeedsQuotes(word)) return std::string(word);
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

}  // namespace

std::string_view StateText(v1::GroupState state) {
  switch (state) {
    case v1::GROUP_STATE_RUNNING:
      return "running";
    case v1::GROUP_STATE_STOPPING:
      return "stopping";
    case v1::GROUP_STATE_SUCCEEDED:
      return "succeeded";
    case v1::GROUP_STATE_FAILED:
      return "failed";
    case v1::GROUP_STATE_CANCELLED:
      return "cancelled";
    case v1::GROUP_STATE_UNSPECIFIED:  // its records are damaged
      return "unreadable";
    default:
      return "unknown";
  }
}

std::string_view StateText(v1::TaskState state) {
  switch (state) {
    case v1::TASK_STATE_QUEUED:
      return "queued";
    case v1::TASK_STATE_RUNNING:
      return "running";
    case v1::TASK_STATE_SUCCEEDED:
      return "succeeded";
    case v1::TASK_STATE_FAILED:
      return "failed";
    case v1::TASK_STATE_STOPPED:
      return "stopped";
    default:
      return "unknown";
  }
}

std::string_view PolicyText(v1::Policy policy) {
  switch (policy) {
    case v1::POLICY_ALL_SETTLED:
      return "settled";
    case v1::POLICY_ANY:
      return "any";
    default:
      return "all";
  }
}

std::string EventText(v1::EventKind kind) {
  constexpr std::string_view kPrefix = "EVENT_KIND_";
  std::string name = v1::EventKind_Name(kind);
  if (name.empty()) return "event-" + std::to_string(kind);  // of a newer daemon
  name.erase(0, kPrefix.size());
  for (char& c : name) c = c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name;
}

std::string TimeText(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0 && time.nanos() == 0) return "-";
  const time_t seconds = time.seconds();
  tm fields{};
  if (gmtime_r(&seconds, &fields) == nullptr) return "-";
  std::array<char, 32> date{};
  strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &fields);
  std::array<char, 8> millis{};
  std::snprintf(millis.data(), millis.size(), ".%03dZ", std::clamp(time.nanos() / 1'000'000, 0, 999));
  return std::string(date.data()) + millis.data();
}

std::string FailureText(const v1::Failure& failure) {
  const std::string kind = KindText(failure);
  const std::string message = Printable(failure.message());
  if (message.empty() || SaysNoMore(failure)) return kind;
  return message.starts_with(kind) ? message : kind + ": " + message;
}

std::string BlameText(const v1::Failure& failure) {
  return failure.task().empty() ? FailureText(failure)
                                : "task " + Printable(failure.task()) + ": " + FailureText(failure);
}

std::string TaskFailureText(const v1::Task& task) {
  const bool stopped = task.state() == v1::TASK_STATE_STOPPED;
  const std::string started = stopped && task.attempt() == 0 ? "never started" : "";
  if (!task.has_failure()) return started;
  const std::string why = stopped ? BlameText(task.failure()) : FailureText(task.failure());
  return started.empty() ? why : started + "; " + why;
}

std::string CountsText(const v1::TaskCounts& counts) {
  std::string text = Plural(counts.submitted(), "task");
  std::string parts;
  const auto add = [&parts](uint32_t count, std::string_view what) {
    if (count == 0) return;
    if (!parts.empty()) parts += ", ";
    parts += std::to_string(count) + " " + std::string(what);
  };
  add(counts.succeeded(), "succeeded");
  add(counts.failed(), "failed");
  add(counts.stopped(), "stopped");
  add(counts.running(), "running");
  add(counts.queued(), "queued");
  return parts.empty() ? text : text + " (" + parts + ")";
}

std::chrono::nanoseconds Lifetime(const v1::Group& group, std::chrono::system_clock::time_point now) {
  if (!group.has_create_time()) return std::chrono::nanoseconds(0);
  const auto end = group.has_end_time() ? client::FromProto(group.end_time())
                                        : std::chrono::time_point_cast<std::chrono::nanoseconds>(now);
  return std::max(end - client::FromProto(group.create_time()), std::chrono::nanoseconds(0));
}

std::string ResultText(const v1::GroupResult& result) {
  const v1::Group& group = result.group();
  std::string text = std::string(StateText(group.state())) + ": " + CountsText(group.tasks()) + " in " +
                     DurationText(Lifetime(group, std::chrono::system_clock::now()));
  // What decided the group is worth a word when it is not simply its first failure.
  if (group.has_failure() && group.failure().task().empty()) {
    const std::string why = FailureText(group.failure());
    // "2 of 3 tasks failed; first task 0: …": the counts and the first failure are told already.
    if (!result.has_first_failure() || why.find("; first ") == std::string::npos) text += "; " + why;
  }
  if (result.has_first_failure()) text += "; first failure: " + BlameText(result.first_failure());
  return text;
}

std::string WorkText(const v1::TaskSpec& spec) {
  if (spec.has_function()) return Printable(spec.function().name());
  if (!spec.has_process()) {  // of this kind no more is told
    const auto* field = v1::TaskSpec::descriptor()->FindFieldByNumber(spec.work_case());
    return field == nullptr ? "" : field->name();
  }
  std::string text;
  for (const std::string& argument : spec.process().argv()) {
    if (!text.empty()) text += ' ';
    text += ShellWord(argument);
  }
  return Printable(text);
}

std::string LabelsText(const google::protobuf::Map<std::string, std::string>& labels) {
  if (labels.empty()) return "-";
  const std::map<std::string, std::string> sorted(labels.begin(), labels.end());
  std::string text;
  for (const auto& [key, value] : sorted) {
    if (!text.empty()) text += ',';
    text += Printable(key) + "=" + Printable(value);
  }
  return text;
}

std::string Indented(std::string_view indent, std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  std::string out;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    out += std::string(indent) + PrintableLines(text.substr(0, end)) + "\n";
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace covey::cli
