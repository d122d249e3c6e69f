#include <algorithm>

#include "core/engine/group_effects.h"

// DurableGroup: reads and waits, of what is committed alone.

namespace covey {

using state::TaskState;
using Phase = state::TaskState::Phase;

uint64_t DurableGroup::Wait(std::function<void()> done) {
  {
    MutexLock lock(mutex_);
    if (!committed_.completed) {
      const uint64_t id = next_id_++;
      waiters_.emplace(id, std::move(done));
      return id;
    }
  }
  done();
  return 0;
}

uint64_t DurableGroup::WaitTask(uint32_t index, std::function<void()> done) {
  {
    MutexLock lock(mutex_);
    const TaskState& task = tasks_.at(index).committed;
    if (task.phase != Phase::kEnded && !Stopped(committed_, task)) {
      const uint64_t id = next_id_++;
      task_waiters_.emplace(id, std::make_pair(index, std::move(done)));
      return id;
    }
  }
  done();
  return 0;
}

bool DurableGroup::Unwait(uint64_t id) {
  MutexLock lock(mutex_);
  return waiters_.erase(id) + task_waiters_.erase(id) > 0;
}

std::string DurableGroup::NameLocked(uint32_t task) const {
  const std::string& name = tasks_[task].spec->name;
  return name.empty() ? std::to_string(task) : name;
}

std::optional<uint32_t> DurableGroup::FindLocked(std::string_view name) const {
  if (const auto found = names_.find(std::string(name)); found != names_.end()) return found->second;
  const auto index = ParseIndex(name);
  if (!index || *index >= tasks_.size() || !tasks_[*index].spec->name.empty()) return std::nullopt;
  return index;
}

std::optional<uint32_t> DurableGroup::FindTask(std::string_view name) const {
  MutexLock lock(mutex_);
  const auto index = FindLocked(name);
  return index && *index < committed_.submitted ? index : std::nullopt;
}

GroupView DurableGroup::ViewLocked(const state::GroupState& group, uint64_t number) const {
  GroupView view{.spec = spec_, .state = group, .created = created_, .last_number = number};
  view.first_failure = FirstFailureLocked(group);
  if (group.decided) {
    view.decided = decided_;
    view.failure = decision_failure_;
  }
  if (group.completed) view.completed = completed_;
  return view;
}

GroupView DurableGroup::View() const {
  MutexLock lock(mutex_);
  return ViewLocked(committed_, committed_number_);
}

GroupEnd DurableGroup::End() const {
  MutexLock lock(mutex_);
  return {.group = ViewLocked(committed_, committed_number_), .failures = failures_};
}

TaskView DurableGroup::ViewTaskLocked(uint32_t index) const {
  const TaskEntry& entry = tasks_.at(index);
  TaskView view{.group = spec_->id,
                .name = NameLocked(index),
                .index = index,
                .spec = entry.spec,
                .state = entry.committed,
                .stopped = Stopped(committed_, entry.committed),
                .failure = entry.failure,
                .result = entry.result,
                .submitted = entry.submitted,
                .started = entry.started,
                .ended = entry.ended};
  if (view.stopped) {
    view.failure = decision_failure_;
    view.ended = decided_;
  }
  return view;
}

TaskView DurableGroup::ViewTask(uint32_t index) const {
  MutexLock lock(mutex_);
  return ViewTaskLocked(index);
}

std::vector<TaskView> DurableGroup::ViewTasks(uint32_t first, size_t limit) const {
  MutexLock lock(mutex_);
  std::vector<TaskView> views;
  for (size_t i = first; i < committed_.submitted && views.size() < limit; ++i) {
    views.push_back(ViewTaskLocked(static_cast<uint32_t>(i)));
  }
  return views;
}

std::vector<std::pair<uint32_t, uint32_t>> DurableGroup::Attempts() const {
  MutexLock lock(mutex_);
  std::vector<std::pair<uint32_t, uint32_t>> attempts;
  for (const auto& [task, attempt] : attempts_) attempts.emplace_back(task, attempt.number);
  return attempts;
}

uint32_t DurableGroup::task_count() const {
  MutexLock lock(mutex_);
  return committed_.submitted;
}

std::optional<EventPage> DurableGroup::RecentEvents(uint64_t after, size_t limit) const {
  MutexLock lock(mutex_);
  EventPage page{.through = std::max(after, std::min(after, committed_number_))};
  if (after < committed_number_) {
    if (recent_.empty() || recent_.front().number > after + 1) return std::nullopt;
    const size_t first = after + 1 - recent_.front().number;
    const size_t count = std::min(limit, recent_.size() - first);
    page.records.assign(recent_.begin() + first, recent_.begin() + first + count);
    page.through = page.records.back().number;
  }
  page.completed = committed_.completed && page.through >= committed_number_;
  return page;
}

uint64_t DurableGroup::Watch(std::function<void()> notify) {
  MutexLock lock(mutex_);
  const uint64_t id = next_id_++;
  watchers_.emplace(id, std::move(notify));
  return id;
}

void DurableGroup::Unwatch(uint64_t id) {
  MutexLock lock(mutex_);
  watchers_.erase(id);
}

bool DurableGroup::completed() const {
  MutexLock lock(mutex_);
  return committed_.completed;
}

bool DurableGroup::busy() const {
  MutexLock lock(mutex_);
  return !committed_.completed &&
         (spec_->attached || pending_.unfinished() > 0 || pending_.decided || !in_flight_.empty());
}

std::shared_ptr<const RequestMark> DurableGroup::creation() const {
  MutexLock lock(mutex_);
  return creation_;
}

bool DurableGroup::Knows(const std::string& request_id) const {
  MutexLock lock(mutex_);
  return requests_.contains(request_id);
}

bool DurableGroup::watched() const {
  MutexLock lock(mutex_);
  return !watchers_.empty() || !waiters_.empty() || !task_waiters_.empty();
}

}  // namespace covey
