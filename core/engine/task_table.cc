#include "core/engine/task_table.h"

#include <algorithm>
#include <charconv>
#include <unordered_set>
#include <utility>

#include "core/spec/beginning.h"
#include "core/spec/spec_bytes.h"

namespace covey {
namespace {

using state::EventKind;

constexpr size_t kSmall = 256;  // what need not be left to the journal

// What a durable task's spec takes in memory, about.
size_t BytesOfSpec(const TaskTable::Entry& entry) {
  constexpr size_t kFixed = 512;
  return kFixed + entry.spec_bytes;
}

Error Taken(size_t i, const std::string& name) {
  return {.code = ErrorCode::kInvalidArgument,
          .reason = "TASK_NAME_TAKEN",
          .message = "two tasks of one group cannot have one name",
          .fields = {{"tasks[" + std::to_string(i) + "].name",
                      "must be unique in the group, got " + name + ", which another task has"}}};
}

}  // namespace

std::optional<uint32_t> TaskTable::IndexOf(std::string_view name) {
  uint32_t index = 0;
  if (name.empty() || name.size() > 10 || (name.size() > 1 && name[0] == '0')) return std::nullopt;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return index;
}

std::optional<Error> TaskTable::CheckNames(std::span<const TaskSpec> more) const {
  std::unordered_set<std::string_view> fresh;
  for (size_t i = 0; i < more.size(); ++i) {
    const std::string& name = more[i].name;
    if (name.empty()) continue;
    if (names_.contains(name) || !fresh.insert(name).second) return Taken(i, name);
    const auto index = IndexOf(name);  // may be what an unnamed task is called by
    if (!index) continue;
    const size_t at = *index;
    const bool other_unnamed =
        at < size() ? (*this)[*index].name == nullptr
                    : at - size() < more.size() && at - size() != i && more[at - size()].name.empty();
    if (other_unnamed) return Taken(i, name);
  }
  for (size_t i = 0; i < more.size(); ++i) {
    if (!more[i].name.empty()) continue;
    const std::string name = std::to_string(size() + i);
    if (names_.contains(name)) return Taken(i, name);
  }
  return std::nullopt;
}

std::optional<Error> TaskTable::NameTaken(std::span<const TaskSpec> more, std::span<const Mark> found) {
  for (const Mark& mark : found) {
    if (mark.kind != Mark::Kind::kTaskName) continue;
    const auto task = std::find_if(more.begin(), more.end(),
                                   [&mark](const TaskSpec& spec) { return spec.name == mark.key; });
    if (task != more.end()) return Taken(static_cast<size_t>(task - more.begin()), mark.key);
  }
  return std::nullopt;
}

void TaskTable::Add(std::shared_ptr<const TaskSpec> spec) {
  Entry& entry = entries_.emplace_back();
  if (!spec->name.empty()) entry.name = &names_.emplace(spec->name, size() - 1).first->first;
  entry.work_kind = static_cast<uint8_t>(spec->work.index());
  entry.spec_bytes = static_cast<uint32_t>(std::min<uint64_t>(SpecBytes(*spec), UINT32_MAX));
  entry.rerun_on_restart = spec->rerun_on_restart;
  entry.spec = std::move(spec);
  Enter(entry);
}

void TaskTable::Enter(const Entry& entry) {
  if (entry.pending.phase != state::TaskState::Phase::kQueued) return;
  ++queued_.tasks;
  queued_.bytes += entry.spec_bytes;
}

void TaskTable::Leave(const Entry& entry) {
  if (entry.pending.phase != state::TaskState::Phase::kQueued) return;
  --queued_.tasks;
  queued_.bytes -= entry.spec_bytes;
}

void TaskTable::Decided(const state::Event& event) {
  Entry& entry = Get(event.task);
  Leave(entry);
  Apply(entry.pending, event);
  Enter(entry);
}

void TaskTable::RollBack(uint32_t task) {
  Entry& entry = Get(task);
  Leave(entry);
  entry.pending = entry.committed;
  Enter(entry);
}

void TaskTable::Truncate(uint32_t size) {
  while (this->size() > size) {
    Leave(entries_.back());
    if (const std::string* name = entries_.back().name) names_.erase(names_.find(*name));
    entries_.pop_back();
  }
  std::erase_if(requests_,
                [size](const auto& entry) { return entry.second.first + entry.second.mark.count > size; });
}

std::string TaskTable::Name(uint32_t task) const {
  const std::string* name = (*this)[task].name;
  return name == nullptr ? std::to_string(task) : *name;
}

std::optional<uint32_t> TaskTable::Find(std::string_view name) const {
  if (const auto found = names_.find(std::string(name)); found != names_.end()) return found->second;
  const auto index = IndexOf(name);
  if (!index || !Has(*index) || (*this)[*index].name != nullptr) return std::nullopt;
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

void TaskTable::Commit(const Record& record, bool told) {
  const state::Event& event = record.event;
  Entry& entry = Get(event.task);
  Apply(entry.committed, event);
  switch (event.kind) {
    case EventKind::kTaskSubmitted:
      entry.submitted = record.time;
      entry.number = record.number;
      ++durable_;
      held_bytes_ += BytesOfSpec(entry);
      break;
    case EventKind::kTaskStarted:
      entry.started = record.time;
      break;
    case EventKind::kTaskExited:
      if (event.result != state::Ending::kNone) End(entry, record, told);  // else it runs again
      break;
    default:
      break;
  }
}

void TaskTable::End(Entry& entry, const Record& record, bool told) {
  auto ending = std::make_unique<Ending>(Ending{.failure = record.failure,
                                                .result = record.result,
                                                .output = record.output,
                                                .at = record.time,
                                                .number = record.number});
  ++ended_;
  // Among the first failures, which are kept as they are?
  if (!told && record.event.result == state::Ending::kFailed && record.failure != nullptr &&
      failures_.size() < GroupEnd::kMaxFailures) {
    failures_.push_back(record.failure);
    told = true;
  }
  if (ending->failure != nullptr && ending->failure->detail.size() > kSmall && !told) {
    Failure brief = *ending->failure;
    brief.detail.clear();
    brief.detail.shrink_to_fit();
    ending->failure = std::make_shared<const Failure>(std::move(brief));
    ending->left_out = true;
  }
  if (ending->result != nullptr && ending->result->bytes.size() > kSmall) {
    ending->result = nullptr;
    ending->left_out = true;
  }
  if (ending->failure != nullptr)
    held_bytes_ += ending->failure->message.size() + ending->failure->detail.size();
  if (ending->result != nullptr) held_bytes_ += ending->result->bytes.size();
  held_bytes_ += sizeof(Ending);
  entry.ending = std::move(ending);
  LeaveSpec(entry);
}

void TaskTable::LeaveSpec(Entry& entry) {
  if (entry.spec == nullptr || entry.number == 0) return;
  held_bytes_ -= BytesOfSpec(entry);
  if (folded_ == 0 && &entry == &entries_.front() && first_ == nullptr)
    first_ = std::make_shared<const TaskSpec>(TaskSpec{.work = BeginningOf(entry.spec->work)});
  entry.spec = nullptr;
}

void TaskTable::LeaveSpecsFrom(uint32_t first) {
  for (uint32_t task = std::max(first, folded_); task < size(); ++task) {
    Entry& entry = Get(task);
    if (entry.pending.phase == state::TaskState::Phase::kQueued) LeaveSpec(entry);
  }
}

void TaskTable::LeaveNewSpecs() {
  LeaveSpecsFrom(new_from_);
  KeepNewSpecs();
}

void TaskTable::LeaveQueuedSpecs() {
  for (auto& [task, entry] : open_) {
    if (entry.pending.phase == state::TaskState::Phase::kQueued) LeaveSpec(entry);
  }
  LeaveSpecsFrom(folded_);
}

void TaskTable::TakeSpec(uint32_t task, const std::shared_ptr<const TaskSpec>& spec) {
  if (task == 0 && spec != nullptr && MissingFirst() != 0)
    first_ = std::make_shared<const TaskSpec>(TaskSpec{.work = BeginningOf(spec->work)});
  if (!Has(task) || spec == nullptr) return;
  Entry& entry = Get(task);
  if (entry.spec != nullptr || entry.committed.phase == state::TaskState::Phase::kEnded) return;
  entry.spec = spec;
  held_bytes_ += BytesOfSpec(entry);
}

std::optional<uint32_t> TaskTable::FirstRunningWithoutSpec() const {
  const auto missed = [](const Entry& entry) {
    return entry.committed.phase == state::TaskState::Phase::kRunning && entry.spec == nullptr;
  };
  for (const auto& [task, entry] : open_) {
    if (missed(entry)) return task;
  }
  for (uint32_t task = folded_; task < size(); ++task) {
    if (missed((*this)[task])) return task;
  }
  return std::nullopt;
}

size_t TaskTable::bytes() const {
  constexpr size_t kNode = 64;  // of a map
  return held_bytes_ + entries_.size() * sizeof(Entry) + open_.size() * (sizeof(Entry) + kNode) +
         (names_.size() + requests_.size()) * 2 * kNode;
}

TaskView TaskTable::View(uint32_t task, const GroupSummary& group) const {
  return ViewOf((*this)[task], Name(task), task, group);
}

TaskView TaskTable::ViewOf(const Entry& entry, std::string name, uint32_t task, const GroupSummary& group) {
  TaskView view{.group = group.spec->id,
                .name = std::move(name),
                .index = task,
                .spec = entry.spec,
                .state = entry.committed,
                .stopped = Stopped(group.state, entry.committed),
                .submitted = entry.submitted,
                .started = entry.started};
  if (entry.spec == nullptr) view.spec_event = entry.number;
  if (const Ending* ending = entry.ending.get()) {
    view.failure = ending->failure;
    view.result = ending->result;
    view.output = ending->output;
    view.ended = ending->at;
    view.ended_event = ending->number;
    if (ending->left_out) view.end_event = ending->number;
  }
  if (view.stopped) {
    view.failure = group.failure;
    view.ended = group.decided;
  }
  return view;
}

}  // namespace covey
