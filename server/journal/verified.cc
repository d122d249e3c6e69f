#include "server/journal/verified.h"

#include <string>
#include <utility>

#include "server/journal/storage.h"

namespace covey::verified {
namespace {

constexpr char kWrongSum[] = "the checksum does not match";

Error Damaged(std::string_view group, const std::string& what, const std::string& why) {
  return {.code = ErrorCode::kDataLoss,
          .reason = "JOURNAL_DAMAGED",
          .message = "group " + std::string(group) + ": " + what + " damaged in the journal: " + why};
}

}  // namespace

Error DamagedGroup(std::string_view group) {
  return Damaged(group, "its row is", "it is not what was stored");
}

Error DamagedEvents(std::string_view group, uint64_t first, uint64_t last, const std::string& why) {
  const std::string what = first == last
                               ? "event " + std::to_string(first) + " is"
                               : "events " + std::to_string(first) + " to " + std::to_string(last) + " are";
  return Damaged(group, what, why);
}

Result<Void> Records(const Place& place, uint64_t last, std::string_view bytes, uint64_t sum,
                     std::vector<Record>* out) {
  if (Checksum(place, bytes) != sum) return DamagedEvents(place.group, place.number, last, kWrongSum);
  const size_t before = out->size();
  Result<Void> decoded = storage::DecodeRecords(bytes, place.number, out);
  std::string why = decoded.ok() ? "" : decoded.error().message;
  if (const uint64_t count = out->size() - before; decoded.ok() && count != last - place.number + 1)
    why = "there are " + std::to_string(count) + " of them";
  if (why.empty()) return Void{};
  out->resize(before);
  return DamagedEvents(place.group, place.number, last, why);
}

Result<std::shared_ptr<const GroupSpec>> Spec(const Place& place, std::string_view bytes, uint64_t sum) {
  if (Checksum(place, bytes) != sum) return Damaged(place.group, "its spec is", kWrongSum);
  auto spec = storage::DecodeGroupSpec(bytes);
  if (!spec.ok()) return Damaged(place.group, "its spec is", spec.error().message);
  return spec;
}

Result<GroupSummary> Summary(const Place& place, std::string_view bytes, uint64_t sum,
                             std::shared_ptr<const GroupSpec> spec) {
  if (Checksum(place, bytes) != sum) return Damaged(place.group, "its summary is", kWrongSum);
  auto summary = storage::DecodeSummary(bytes, std::move(spec));
  if (!summary.ok()) return Damaged(place.group, "its summary is", summary.error().message);
  return summary;
}

Result<TaskBlock> TasksOf(const Place& place, std::string_view bytes, uint64_t sum) {
  const auto first = static_cast<uint32_t>(place.number / 2);
  if (Checksum(place, bytes) != sum) {
    return Damaged(place.group, "what it keeps of its tasks from " + std::to_string(first) + " on is",
                   kWrongSum);
  }
  return TaskBlock{.first = first, .late = place.number % 2 == 1, .bytes = std::string(bytes)};
}

Result<Snapshot> SnapshotOf(const Place& place, std::string_view bytes, uint64_t sum) {
  if (Checksum(place, bytes) != sum) {
    return Damaged(place.group, "its snapshot of event " + std::to_string(place.number) + " is", kWrongSum);
  }
  return Snapshot{.number = place.number, .bytes = std::string(bytes)};
}

}  // namespace covey::verified
