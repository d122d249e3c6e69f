#include <utility>

#include "server/journal/memory_journal.h"

// MemoryJournal: snapshots, and what is looked up behind them.

namespace covey {

void MemoryJournal::PutSnapshot(std::string group, uint64_t epoch, Snapshot snapshot, Done<Void> done) {
  MutexLock lock(mutex_);
  Result<Void> result = Void{};
  const auto found = groups_.find(group);
  const journal::Standing standing{.head = found != groups_.end() ? found->second.head : 0,
                                   .owner = OwnerLocked(group),
                                   .newest = newest_epoch_};
  if (closed_) {
    result = journal::Closed();
  } else if (auto refused = journal::RefuseSnapshot(group, epoch, snapshot, standing)) {
    result = *std::move(refused);
  } else {
    for (Mark& mark : std::exchange(snapshot.marks, {})) {
      const auto key = std::pair(mark.kind, mark.key);
      found->second.marks.insert_or_assign(key, std::move(mark));
    }
    for (TaskBlock& block : std::exchange(snapshot.tasks, {})) {
      auto& blocks = block.late ? found->second.late_tasks : found->second.tasks;
      const uint32_t first = block.first;
      blocks.insert_or_assign(first, std::move(block));
    }
    auto& kept = found->second.snapshot;
    if (!kept || kept->number <= snapshot.number) kept = std::move(snapshot);
  }
  lock.Unlock();
  done(std::move(result));
}

void MemoryJournal::ReadSnapshot(std::string group, Done<std::optional<Snapshot>> done) {
  MutexLock lock(mutex_);
  Result<std::optional<Snapshot>> result = std::optional<Snapshot>();
  if (auto error = RefuseReadLocked()) {
    result = *std::move(error);
  } else if (const auto found = groups_.find(group); found != groups_.end()) {
    result = found->second.snapshot;
  }
  lock.Unlock();
  done(std::move(result));
}

void MemoryJournal::ReadTasks(std::string group, uint32_t task, uint32_t end,
                              Done<std::vector<TaskBlock>> done) {
  MutexLock lock(mutex_);
  Result<std::vector<TaskBlock>> result = std::vector<TaskBlock>();
  if (auto error = RefuseReadLocked()) {
    result = *std::move(error);
  } else if (const auto found = groups_.find(group); found == groups_.end()) {
    result = journal::NotFound(group);
  } else if (auto block = found->second.tasks.upper_bound(task); block != found->second.tasks.begin()) {
    --block;
    result.value().push_back(block->second);
    const auto& late = found->second.late_tasks;
    for (auto each = late.lower_bound(block->first); each != late.end() && each->first < end; ++each)
      result.value().push_back(each->second);
  }
  lock.Unlock();
  done(std::move(result));
}

void MemoryJournal::FindMarks(std::string group, std::vector<Mark> marks, Done<std::vector<Mark>> done) {
  MutexLock lock(mutex_);
  Result<std::vector<Mark>> result = std::vector<Mark>();
  if (auto error = RefuseReadLocked()) {
    result = *std::move(error);
  } else if (const auto found = groups_.find(group); found == groups_.end()) {
    result = journal::NotFound(group);
  } else {
    for (const Mark& mark : marks) {
      const auto kept = found->second.marks.find({mark.kind, mark.key});
      if (kept != found->second.marks.end()) result.value().push_back(kept->second);
    }
  }
  lock.Unlock();
  done(std::move(result));
}

}  // namespace covey
