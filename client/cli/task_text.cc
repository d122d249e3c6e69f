#include "client/cli/task_text.h"

#include <chrono>

#include "client/cli/format.h"
#include "client/cli/text.h"
#include "core/base/duration.h"
#include "core/base/plural.h"
#include "covey/client/task.h"

namespace covey::cli {
namespace {

std::string OutputText(uint64_t bytes, uint64_t lost) {
  return Plural(bytes, "byte") + (lost > 0 ? ", " + std::to_string(lost) + " of them not kept" : "");
}

// How long the last attempt of a task ran; "-" when it was never started.
std::string RunTime(const v1::Task& task) {
  if (!task.has_start_time()) return "-";
  const auto start = client::FromProto(task.start_time());
  const auto end =
      task.has_end_time()
          ? client::FromProto(task.end_time())
          : std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
  return DurationText(end - start);
}

}  // namespace

std::string Line(std::string_view name, const std::string& value) {
  std::string line(name);
  constexpr size_t kNameWidth = 10;
  line.resize(kNameWidth, ' ');
  return line + value + "\n";
}

Table TaskTable() {
  return Table({{.heading = "TASK", .shrinks = true},
                {.heading = "STATE"},
                {.heading = "TIME", .right = true},
                {.heading = "RUNS", .shrinks = true},
                {.heading = "FAILURE", .shrinks = true}});
}

std::vector<std::string> TaskRow(const v1::Task& task) {
  return {Printable(task.name()), std::string(StateText(task.state())), RunTime(task), WorkText(task.spec()),
          TaskFailureText(task)};
}

std::string TaskText(const v1::Task& task) {
  std::string text = Line("task", Printable(task.name()));
  text += Line("group", Printable(task.group_id()));
  const std::string why = TaskFailureText(task);
  text += Line("state", std::string(StateText(task.state())) + (why.empty() ? "" : ": " + why));
  text += Line("runs", WorkText(task.spec()));
  text += Line("time", RunTime(task));
  text += Line("attempt", std::to_string(task.attempt()));
  text += Line("submitted", TimeText(task.submit_time()));
  text += Line("started", TimeText(task.start_time()));
  text += Line("ended", TimeText(task.end_time()));
  text += Line("stdout", OutputText(task.stdout_bytes(), task.stdout_lost_bytes()));
  text += Line("stderr", OutputText(task.stderr_bytes(), task.stderr_lost_bytes()));
  if (!task.spec().labels().empty()) text += Line("labels", LabelsText(task.spec().labels()));
  text += Indented("  | ", task.failure().detail());
  if (task.has_result()) {
    const v1::Payload& result = task.result();
    text += "result    " + Printable(result.content_type()) + "\n" +
            Indented("  | ", result.has_text() ? result.text() : result.data());
  }
  return text;
}

}  // namespace covey::cli
