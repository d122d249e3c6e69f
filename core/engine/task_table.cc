#include "core/engine/task_table.h"

#include <charconv>
#include <unordered_set>
#include <utility>

#include "core/spec/spec_bytes.h"

namespace covey {
namespace {

using state::EventKind;

// The number that `name` is the plain decimal form of.
std::optional<uint32_t> ParseIndex(std::string_view name) {
  uint32_t index = 0;
  if (name.empty() || name.size() > 10 || (name.size() > 1 && name[0] == '0')) return std::nullopt;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return index;
}

Error NameTaken(size_t i, const std::string& name) {
  return {.code = ErrorCode::kInvalidArgument,
          .reason = "TASK_NAME_TAKEN",
          .message = "two tasks of one group cannot have one name",
          .fields = {{"tasks[" + std::to_string(i) + "].name",
                      "must be unique in the group, got " + name + ", which another task has"}}};
}

}  // namespace

std::optional<Error> TaskTable::CheckNames(std::span<const TaskSpec> more) const {
  std::unordered_set<std::string_view> fresh;
  for (size_t i = 0; i < more.size(); ++i) {
    const std::string& name = more[i].name;
    if (name.empty()) continue;
    if (names_.contains(name) || !fresh.insert(name).second) return NameTaken(i, name);
    const auto index = ParseIndex(name);  // may be what an unnamed task is called by
    if (!index) continue;
    const size_t at = *index;
    const bool other_unnamed =
        at < size() ? entries_[at].spec->name.empty()
                    : at - size() < more.size() && at - size() != i && more[at - size()].name.empty();
    if (other_unnamed) return NameTaken(i, name);
  }
  for (size_t i = 0; i < more.size(); ++i) {
    if (!more[i].name.empty()) continue;
    const std::string name = std::to_string(size() + i);
    if (names_.contains(name)) return NameTaken(i, name);
  }
  return std::nullopt;
}

void TaskTable::Add(std::shared_ptr<const TaskSpec> spec) {
  if (!spec->name.empty()) names_.emplace(spec->name, size());
  entries_.push_back({.spec = std::move(spec)});
  Enter(entries_.back());
}

void TaskTable::Enter(const Entry& entry) {
  if (entry.pending.phase != state::TaskState::Phase::kQueued) return;
  ++queued_.tasks;
  queued_.bytes += SpecBytes(*entry.spec);
}

void TaskTable::Leave(const Entry& entry) {
  if (entry.pending.phase != state::TaskState::Phase::kQueued) return;
  --queued_.tasks;
  queued_.bytes -= SpecBytes(*entry.spec);
}

void TaskTable::Decided(const state::Event& event) {
  Entry& entry = entries_[event.task];
  Leave(entry);
  Apply(entry.pending, event);
  Enter(entry);
}

void TaskTable::RollBack(uint32_t task) {
  Entry& entry = entries_[task];
  Leave(entry);
  entry.pending = entry.committed;
  Enter(entry);
}

void TaskTable::Truncate(uint32_t size) {
  while (entries_.size() > size) {
    if (const std::string& name = entries_.back().spec->name; !name.empty()) names_.erase(name);
    Leave(entries_.back());
    entries_.pop_back();
  }
  std::erase_if(requests_,
                [size](const auto& entry) { return entry.second.first + entry.second.mark.count > size; });
}

std::string TaskTable::Name(uint32_t task) const {
  const std::string& name = entries_[task].spec->name;
  return name.empty() ? std::to_string(task) : name;
}

std::optional<uint32_t> TaskTable::Find(std::string_view name) const {
  if (const auto found = names_.find(std::string(name)); found != names_.end()) return found->second;
  const auto index = ParseIndex(name);
  if (!index || *index >= size() || !entries_[*index].spec->name.empty()) return std::nullopt;
  return index;
}

const TaskTable::Request* TaskTable::FindRequest(const std::string& id) const {
  if (id.empty()) return nullptr;
  const auto found = requests_.find(id);
  return found == requests_.end() ? nullptr : &found->second;
}

void TaskTable::Remember(RequestMark mark, uint32_t first) {
  std::string id = mark.id;
  requests_.emplace(std::move(id), Request{.mark = std::move(mark), .first = first});
}

void TaskTable::Commit(const Record& record) {
  const state::Event& event = record.event;
  Entry& entry = entries_[event.task];
  Apply(entry.committed, event);
  switch (event.kind) {
    case EventKind::kTaskSubmitted:
      entry.submitted = record.time;
      break;
    case EventKind::kTaskStarted:
      entry.started = record.time;
      break;
    case EventKind::kTaskExited:
      if (event.result == state::Ending::kNone) break;  // it runs again
      entry.ended = record.time;
      entry.ended_number = record.number;
      entry.failure = record.failure;
      entry.result = record.result;
      entry.output = record.output;
      if (event.result == state::Ending::kFailed && record.failure != nullptr &&
          failures_.size() < GroupEnd::kMaxFailures) {
        failures_.push_back(record.failure);
      }
      break;
    default:
      break;
  }
}

TaskView TaskTable::View(uint32_t task, const GroupSummary& group) const {
  const Entry& entry = entries_.at(task);
  TaskView view{.group = group.spec->id,
                .name = Name(task),
                .index = task,
                .spec = entry.spec,
                .state = entry.committed,
                .stopped = Stopped(group.state, entry.committed),
                .failure = entry.failure,
                .result = entry.result,
                .output = entry.output,
                .submitted = entry.submitted,
                .started = entry.started,
                .ended = entry.ended};
  if (view.stopped) {
    view.failure = group.failure;
    view.ended = group.decided;
  }
  return view;
}

}  // namespace covey
