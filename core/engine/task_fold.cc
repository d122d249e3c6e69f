#include <algorithm>
#include <utility>

#include "core/engine/task_block.h"
#include "core/engine/task_table.h"
#include "core/spec/beginning.h"

// TaskTable: what is in the journal alone.

namespace covey {
namespace {

using Phase = state::TaskState::Phase;

// At once: each may have a name, which is written with the snapshot.
constexpr uint32_t kMostFolded = 16'384;

constexpr size_t kFewOpen = 4'096;

bool HasEnded(const TaskTable::Entry& entry) { return entry.committed.phase == Phase::kEnded; }

}  // namespace

const TaskTable::Entry& TaskTable::BeforeFold(uint32_t task) const {
  static const Entry* const ended = [] {
    auto* const entry = new Entry();
    entry->pending.phase = entry->committed.phase = Phase::kEnded;
    return entry;
  }();
  const auto found = open_.find(task);
  return found == open_.end() ? *ended : found->second;
}

std::vector<uint32_t> TaskTable::OpenIn(uint32_t first, uint32_t end) const {
  std::vector<uint32_t> tasks;
  for (auto task = open_.lower_bound(first); task != open_.end() && task->first < end; ++task) {
    if (!HasEnded(task->second)) tasks.push_back(task->first);
  }
  return tasks;
}

// Those that have not ended are kept one by one, and written with every snapshot. When they are few nothing else stays, so
// that a replay begins with the snapshot; when they are many, it is those among the first that have ended nearly all.
uint32_t TaskTable::FoldPoint() const {
  const auto end = static_cast<uint32_t>(std::min<uint64_t>(durable_, uint64_t{folded_} + kMostFolded));
  const size_t unfinished = entries_.size() + open_.size() - ended_;
  if (unfinished <= kFewOpen) return end;
  const size_t most_open = ended_ / 8 + 64;
  size_t open = open_.size();
  size_t ended = 0;
  uint32_t point = folded_;
  for (uint32_t task = folded_; task < end && open <= most_open; ++task) {
    if (!HasEnded((*this)[task])) {
      ++open;
      continue;
    }
    ++ended;
    point = task + 1;
  }
  return ended >= std::min<size_t>(ended_, kMostFolded) / 4 ? point : folded_;
}

void TaskTable::FillSnapshot(uint32_t fold, GroupSnapshot* snapshot, Snapshot* stored) const {
  std::vector<Mark>& marks = stored->marks;
  snapshot->folded = fold;
  snapshot->next_event = fold < durable_ ? (*this)[fold].number : snapshot->number + 1;
  snapshot->first_event = first_event_ != 0 ? first_event_ : (*this)[0].number;
  snapshot->failures = failures_;
  snapshot->milestones = milestones_;
  snapshot->milestones.push_back({.task = fold, .event = snapshot->next_event});
  const auto keep = [snapshot](uint32_t task, const Entry& entry) {
    if (HasEnded(entry)) return;
    snapshot->open.push_back({.index = task,
                              .name = entry.name == nullptr ? std::string() : *entry.name,
                              .number = entry.number,
                              .submitted = entry.submitted,
                              .started = entry.started,
                              .state = entry.committed,
                              .spec_bytes = entry.spec_bytes,
                              .work_kind = entry.work_kind,
                              .rerun_on_restart = entry.rerun_on_restart});
  };
  for (const auto& [task, entry] : open_) {
    keep(task, entry);
    if (!HasEnded(entry)) continue;
    TaskBlockWriter late(task);
    late.Add(entry);
    stored->tasks.push_back(late.Take(/*late=*/true));
  }
  TaskBlockWriter block(folded_);
  for (uint32_t task = folded_; task < fold; ++task) {
    const Entry& entry = (*this)[task];
    keep(task, entry);
    block.Add(entry);
    if (block.count() == kBlockTasks || task + 1 == fold) stored->tasks.push_back(block.Take());
    if (entry.name != nullptr)
      marks.push_back({.kind = Mark::Kind::kTaskName, .key = *entry.name, .first = task});
  }
  for (const auto& [id, request] : requests_) {
    if (request.first >= fold) continue;
    marks.push_back({.kind = Mark::Kind::kRequest,
                     .key = id,
                     .first = request.first,
                     .count = request.mark.count,
                     .fingerprint = request.mark.fingerprint});
  }
}

void TaskTable::Forget(const Entry& entry) {
  --ended_;
  if (const Ending* ending = entry.ending.get()) {
    if (ending->failure != nullptr)
      held_bytes_ -= ending->failure->message.size() + ending->failure->detail.size();
    if (ending->result != nullptr) held_bytes_ -= ending->result->bytes.size();
    held_bytes_ -= sizeof(Ending);
  }
  if (entry.name != nullptr) names_.erase(names_.find(*entry.name));
}

void TaskTable::Fold(const GroupSnapshot& snapshot) {
  if (first_ == nullptr)
    first_ = std::make_shared<const TaskSpec>(TaskSpec{.work = BeginningOf(entries_.front().spec->work)});
  first_event_ = snapshot.first_event;
  milestones_ = snapshot.milestones;
  std::erase_if(open_, [this](const auto& task) {
    const bool gone = HasEnded(task.second);
    if (gone) Forget(task.second);
    return gone;
  });
  for (; folded_ < snapshot.folded; ++folded_) {
    Entry& entry = entries_.front();
    if (HasEnded(entry)) {
      Forget(entry);
    } else {
      open_.emplace_hint(open_.end(), folded_, std::move(entry));
    }
    entries_.pop_front();
  }
  new_from_ = std::max(new_from_, folded_);
  std::erase_if(requests_, [this](const auto& request) { return request.second.first < folded_; });
}

void TaskTable::RestoreOver(const GroupSummary& group) {
  folded_ = durable_ = new_from_ = group.state.submitted;
  first_ = group.first_task;
  if (group.first_failure != nullptr) failures_.push_back(group.first_failure);
}

void TaskTable::Restore(const GroupSnapshot& snapshot) {
  folded_ = durable_ = new_from_ = snapshot.folded;
  first_event_ = snapshot.first_event;
  failures_ = snapshot.failures;
  milestones_ = snapshot.milestones;
  for (const GroupSnapshot::Open& task : snapshot.open) {
    Entry& entry = open_.emplace_hint(open_.end(), task.index, Entry())->second;
    if (!task.name.empty()) entry.name = &names_.emplace(task.name, task.index).first->first;
    entry.number = task.number;
    entry.submitted = task.submitted;
    entry.started = task.started;
    entry.pending = entry.committed = task.state;
    entry.spec_bytes = task.spec_bytes;
    entry.work_kind = task.work_kind;
    entry.rerun_on_restart = task.rerun_on_restart;
    Enter(entry);
  }
}

}  // namespace covey
