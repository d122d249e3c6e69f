#include "core/engine/task_window.h"

#include <algorithm>
#include <string>
#include <utility>

namespace covey {

using state::EventKind;

bool TaskWindow::Fold(const std::vector<Record>& records) {
  for (const Record& record : records) {
    const state::Event& event = record.event;
    if (!AboutTask(event)) continue;
    if (event.kind == EventKind::kTaskSubmitted && event.task == end_) next_event_ = record.number;
    if (Has(event.task) && !FoldOne(record)) return false;
  }
  return true;
}

bool TaskWindow::FoldOne(Record record) {
  const uint32_t task = record.event.task -= first_;
  const bool submits = record.event.kind == EventKind::kTaskSubmitted;
  if (submits ? task != tasks_.size() || record.task == nullptr
              : task >= tasks_.size() || !Follows(tasks_[task].committed, record.event)) {
    return false;
  }
  if (submits) tasks_.Add(record.task);
  tasks_.Decided(record.event);
  tasks_.Commit(record);
  if (submits) tasks_.LeaveSpecOf(task);
  if (record.event.kind == EventKind::kTaskExited && record.event.result != state::Ending::kNone) ++ended_;
  return true;
}

std::vector<TaskView> TaskWindow::Views(uint32_t task, size_t limit, const GroupSummary& group) const {
  std::vector<TaskView> views;
  const size_t end = std::min<size_t>(end_, task + limit);
  views.reserve(end - task);
  for (size_t i = task; i < end; ++i) {
    const auto within = static_cast<uint32_t>(i - first_);
    TaskView& view = views.emplace_back(tasks_.View(within, group));
    view.index = static_cast<uint32_t>(i);
    if (tasks_[within].name == nullptr) view.name = std::to_string(i);
  }
  return views;
}

}  // namespace covey
