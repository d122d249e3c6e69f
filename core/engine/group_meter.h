#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "core/engine/engine_counts.h"
#include "core/engine/group_ledger.h"
#include "core/journal/journal.h"

namespace covey {

// Counts what becomes durable of one group, as part of its engine's counts.
//
// Not thread-safe: guarded by the lock of its group.
class GroupMeter {
 public:
  // Both live as long as the engine.
  GroupMeter(EngineCounts& all, PoolCounts& pool) : all_(all), pool_(pool) {}

  // `batch` has become durable, and the ledger knows it.
  void OnCommitted(const Batch& batch, const GroupLedger& ledger);

 private:
  void OnExited(const Record& record, const TaskTable::Entry& task, PoolCounts::OfKind& kind);
  void OnCancelled(const Record& record, const GroupLedger& ledger);

  EngineCounts& all_;
  PoolCounts& pool_;
  // When the cancels of single tasks were asked for, as long as they are under way. Null: of none.
  std::unique_ptr<std::unordered_map<uint32_t, WallTime>> cancels_;
};

}  // namespace covey
