#include "server/journal/rules.h"

#include <algorithm>
#include <utility>

#include "server/journal/hash.h"

namespace covey::journal {
namespace {

// An append that could never be written: a mistake of the caller.
std::optional<std::string> Malformed(const Append& append) {
  if (append.batch == nullptr || append.batch->empty()) return "an append without records";
  uint64_t number = append.expected;
  for (const Record& record : append.batch->records()) {
    if (record.number != ++number) return "records are not numbered from expected + 1";
  }
  const Record& first = append.batch->records().front();
  const bool creates = first.event.kind == state::EventKind::kGroupCreated;
  if (creates != (append.expected == 0)) return "group_created is event 1 and no other";
  if (creates && (first.group == nullptr || first.group->id != append.group)) {
    return "group_created without the spec of its group";
  }
  if (creates && !append.summary.has_value()) return "group_created without a summary";
  return std::nullopt;
}

Error Invalid(std::string reason, std::string message) {
  return {.code = ErrorCode::kInvalidArgument, .reason = std::move(reason), .message = std::move(message)};
}

bool Owns(uint64_t epoch, const Standing& standing) {
  return epoch != 0 && epoch >= standing.owner && epoch <= standing.newest;
}

}  // namespace

WallTime SystemNow() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

std::optional<AppendResult> Judge(const Append& append, const Standing& standing) {
  using Kind = AppendResult::Kind;
  if (const auto problem = Malformed(append))
    return Failed({.reason = "JOURNAL_FAILED", .message = "append to " + append.group + ": " + *problem});
  if (standing.repeated) return Committed(append.batch->last());
  if (!standing.request_of.empty())  // before the id: the retry of a create asks for its first answer
    return AppendResult{.kind = Kind::kDuplicate, .existing = standing.request_of};
  if (append.expected == 0 && (standing.head > 0 || standing.purged))
    return AppendResult{.kind = Kind::kDuplicate, .existing = append.group};
  if (!Owns(append.epoch, standing)) return AppendResult{.kind = Kind::kFenced};
  if (append.expected == standing.head) return std::nullopt;
  return AppendResult{.kind = Kind::kBehind, .head = standing.head};
}

std::optional<Error> RefuseSnapshot(const std::string& group, uint64_t epoch, const Snapshot& snapshot,
                                    const Standing& standing) {
  if (standing.head == 0) return NotFound(group);
  if (!Owns(epoch, standing)) {
    return Error{.code = ErrorCode::kFailedPrecondition,
                 .reason = "GROUP_FENCED",
                 .message = "group " + group + " has another owner than epoch " + std::to_string(epoch)};
  }
  if (snapshot.number == 0 || snapshot.number > standing.head) {
    return Invalid("BAD_SNAPSHOT", "group " + group + ": a snapshot is of an event 1.." +
                                       std::to_string(standing.head) + ", got " +
                                       std::to_string(snapshot.number));
  }
  return std::nullopt;
}

const std::string& RequestOf(const Append& append) {
  static const std::string none;
  if (append.expected != 0 || append.batch == nullptr || append.batch->empty()) return none;
  const Record& first = append.batch->records().front();
  return first.request != nullptr ? first.request->id : none;
}

AppendResult Committed(uint64_t head) { return {.kind = AppendResult::Kind::kCommitted, .head = head}; }

AppendResult Failed(Error error) { return {.kind = AppendResult::Kind::kFailed, .error = std::move(error)}; }

bool Matches(const GroupFilter& filter, const GroupSummary& group) {
  const auto& phases = filter.phases;
  if (!phases.empty() && std::find(phases.begin(), phases.end(), PhaseOf(group.state)) == phases.end())
    return false;
  if (!group.spec->name.starts_with(filter.name_prefix)) return false;
  if (!group.spec->id.starts_with(filter.id_prefix)) return false;
  if (!filter.name.empty() && group.spec->name != filter.name) return false;
  if (filter.created_from != WallTime() && group.created < filter.created_from) return false;
  if (filter.created_until != WallTime() && group.created >= filter.created_until) return false;
  const Labels& labels = group.spec->labels;
  return std::all_of(filter.labels.begin(), filter.labels.end(), [&](const auto& label) {
    return std::find(labels.begin(), labels.end(), label) != labels.end();
  });
}

uint64_t Fingerprint(const GroupFilter& filter) {
  std::string text;
  const auto add = [&text](std::string_view part) {
    text += std::to_string(part.size());
    text += ':';
    text += part;
  };
  std::vector<GroupPhase> phases = filter.phases;
  std::sort(phases.begin(), phases.end());
  for (const GroupPhase phase : phases) text += std::to_string(static_cast<int>(phase)) + ',';
  Labels labels = filter.labels;
  std::sort(labels.begin(), labels.end());
  text += std::to_string(labels.size()) + ';';
  for (const auto& [key, value] : labels) {
    add(key);
    add(value);
  }
  add(filter.name_prefix);
  add(filter.id_prefix);
  add(filter.name);
  add(std::to_string(filter.created_from.time_since_epoch().count()));
  add(std::to_string(filter.created_until.time_since_epoch().count()));
  return Fnv1a(text);
}

Error NotFound(const std::string& group) {
  return {.code = ErrorCode::kNotFound, .reason = "GROUP_NOT_FOUND", .message = "no group " + group};
}

Error BadCursor() {
  Error error = Invalid("BAD_CURSOR", "the cursor was not made by this journal");
  error.fields = {{"cursor", "must be that of an earlier message of this daemon"}};
  return error;
}

Error CursorOfTheFuture() {
  Error error =
      Invalid("BAD_CURSOR", "the cursor is newer than the journal, which was put back to an older state");
  error.fields = {
      {"cursor", "must be that of a message that is still in the journal: begin again without one"}};
  return error;
}

Error BadPageToken() {
  Error error = Invalid("BAD_PAGE_TOKEN", "the page token was not made by this journal for this filter");
  error.fields = {{"page_token", "must be the next_page_token of an answer with the same filters"}};
  return error;
}

Error NotCompleted(const std::string& group) {
  return {.code = ErrorCode::kFailedPrecondition,
          .reason = "GROUP_NOT_COMPLETED",
          .message = "group " + group + " is not over"};
}

Error Closed() {
  return {.code = ErrorCode::kUnavailable, .reason = "JOURNAL_CLOSED", .message = "the journal is closed"};
}

}  // namespace covey::journal
