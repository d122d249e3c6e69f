#include "core/engine/group_meter.h"

namespace covey {

using state::EventKind;

namespace {

void Add(Count& count, uint64_t more = 1) { count.fetch_add(more, std::memory_order_relaxed); }

template <typename Table>
Count& Cell(Table& table, auto row, FailureKind failure) {
  return table[static_cast<size_t>(row)][static_cast<size_t>(failure)];
}

}  // namespace

void GroupMeter::OnCommitted(const Batch& batch, const GroupLedger& ledger) {
  Add(all_.events, batch.records().size());
  for (const Record& record : batch.records()) {
    const state::Event& event = record.event;
    if (event.kind == EventKind::kGroupCreated) Add(pool_.groups_created);
    if (event.kind == EventKind::kGroupDecided) Add(pool_.stopped_in_queue, event.count);
    if (event.kind == EventKind::kGroupCompleted)
      Add(Cell(pool_.groups_ended, event.outcome, ledger.standing().committed().failure));
    if (!AboutTask(event)) continue;
    const TaskTable::Entry& task = ledger.tasks()[event.task];
    PoolCounts::OfKind& kind = pool_.kinds[task.work_kind];
    switch (event.kind) {
      case EventKind::kTaskSubmitted:
        Add(kind.submitted);
        break;
      case EventKind::kTaskStarted:
        Add(kind.attempts);
        if (event.attempt == 1) {
          kind.queued.Count(record.time - task.submitted);
        } else {
          Add(kind.reruns);
        }
        break;
      case EventKind::kTaskExited:
        OnExited(record, task, kind);
        break;
      case EventKind::kCancelRequested:
        if (cancels_ == nullptr) cancels_ = std::make_unique<std::unordered_map<uint32_t, WallTime>>();
        cancels_->emplace(event.task, record.time);
        break;
      case EventKind::kCancelDelivered:
      case EventKind::kCancelGone:
        OnCancelled(record, ledger);
        break;
      default:
        break;
    }
  }
}

void GroupMeter::OnExited(const Record& record, const TaskTable::Entry& task, PoolCounts::OfKind& kind) {
  const state::Event& event = record.event;
  const bool in_queue = event.count != 0;
  if (!in_queue) kind.ran.Count(record.time - task.started);
  if (in_queue && cancels_ != nullptr) cancels_->erase(event.task);
  if (const OutputSizes* sizes = record.output.get()) {
    Add(all_.output[0], sizes->standard_output);
    Add(all_.output[1], sizes->standard_error);
    Add(all_.output_lost[0], sizes->standard_output_lost);
    Add(all_.output_lost[1], sizes->standard_error_lost);
  }
  if (event.result != state::Ending::kNone) Add(Cell(kind.ended, event.result, event.failure));
}

void GroupMeter::OnCancelled(const Record& record, const GroupLedger& ledger) {
  const uint32_t task = record.event.task;
  const bool gone = record.event.kind == EventKind::kCancelGone;
  // That of the task alone, else the decision, which is made with the cancel of a group.
  WallTime since = ledger.standing().decided();
  if (auto* const own = cancels_.get(); own != nullptr && own->contains(task)) {
    since = own->at(task);
    if (gone) own->erase(task);
  }
  if (since != WallTime{}) (gone ? all_.cancel_gone : all_.cancel_delivered).Count(record.time - since);
}

}  // namespace covey
