#include "client/cli/task_source.h"

#include <algorithm>

#include "client/cli/process_options.h"
#include "covey/client/task.h"

namespace covey::cli {
namespace {

// `text` with each "tasks[2]" in it as people know that task.
std::string WithNamedTasks(const TaskSource& source, const TaskBatch& batch, std::string_view text) {
  constexpr std::string_view kTasks = "tasks[";
  std::string named;
  for (size_t at = 0; (at = text.find(kTasks)) != std::string_view::npos;) {
    const size_t close = text.find(']', at);
    if (close == std::string_view::npos) break;
    named.append(text.substr(0, at));
    named += source.FieldName(batch, text.substr(at, close + 1 - at));
    text.remove_prefix(close + 1);
  }
  return named.append(text);
}

}  // namespace

void ProcessDefaults::Apply(v1::TaskSpec* task) const {
  if (!task->has_process()) return;
  v1::ProcessSpec& process = *task->mutable_process();
  for (const auto& [key, value] : env) process.mutable_env()->insert({key, value});  // keeps the task's own
  if (grace && !process.has_grace()) *process.mutable_grace() = client::ToProto(*grace);
  if (linger && !process.has_linger()) *process.mutable_linger() = client::ToProto(*linger);
  if (process.working_dir().empty()) process.set_working_dir(working_dir);
  FillIn(settings, &process);
}

void LineNumbers::Add(uint64_t line) {
  const bool neighbour = !runs_.empty() && runs_.back().second + (size_ - runs_.back().first) == line;
  if (!neighbour) runs_.emplace_back(size_, line);
  ++size_;
}

uint64_t LineNumbers::operator[](size_t index) const {
  const auto behind = std::upper_bound(runs_.begin(), runs_.end(), index,
                                       [](size_t wanted, const auto& run) { return wanted < run.first; });
  const auto& [first, line] = *(behind - 1);
  return line + (index - first);
}

void NameFields(const TaskSource& source, const TaskBatch& batch, Error* error) {
  for (FieldViolation& violation : error->fields) {
    violation.field = source.FieldName(batch, violation.field);
    violation.description = WithNamedTasks(source, batch, violation.description);
  }
}

}  // namespace covey::cli
