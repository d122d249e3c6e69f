#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/journal/journal.h"
#include "covey/result.h"
#include "server/journal/checksum.h"

// Stored bytes as values, when they are what was stored: they match the checksum of their place, and can be
// decoded. Otherwise kDataLoss, which names the group and what of it is damaged.
namespace covey::verified {

// Appends the records `place.number` to `last` to `out`, or else leaves it as it was.
Result<Void> Records(const Place& place, uint64_t last, std::string_view bytes, uint64_t sum,
                     std::vector<Record>* out);
Result<std::shared_ptr<const GroupSpec>> Spec(const Place& place, std::string_view bytes, uint64_t sum);
Result<GroupSummary> Summary(const Place& place, std::string_view bytes, uint64_t sum,
                             std::shared_ptr<const GroupSpec> spec);
Result<TaskBlock> TasksOf(const Place& place, std::string_view bytes, uint64_t sum);
Result<Snapshot> SnapshotOf(const Place& place, std::string_view bytes, uint64_t sum);

// An error about a group whose row is damaged.
Error DamagedGroup(std::string_view group);
// An error about events `first` to `last` of a group.
Error DamagedEvents(std::string_view group, uint64_t first, uint64_t last, const std::string& why);

}  // namespace covey::verified
