#include <algorithm>
#include <utility>

#include "server/journal/memory_journal.h"
#include "server/journal/token.h"

// MemoryJournal: groups that are over, and what forgets them.

namespace covey {
namespace {

// About what an event takes.
constexpr uint64_t kBytesAnEvent = 512;

// Where a group that is over stands among the others.
std::tuple<bool, WallTime, uint64_t> EndedKey(const GroupSummary& summary, uint64_t order) {
  return {PhaseOf(summary.state) == GroupPhase::kFailed, summary.completed, order};
}

}  // namespace

void MemoryJournal::EndLocked(Group& group, uint64_t events) {
  ended_.groups[EndedKey(group.summary, group.order)] = &group;
  group.bytes = group.summary.output_bytes + kBytesAnEvent * events;
  ended_.bytes += group.bytes;
}

void MemoryJournal::ForgetOldLocked() {
  const WallTime now = now_();
  std::erase_if(purged_, [now](const auto& entry) { return entry.second <= now; });
  for (auto old = old_requests_.begin(); old != old_requests_.end();) {
    if (old->second > now) {
      ++old;
      continue;
    }
    requests_.erase(old->first);
    old = old_requests_.erase(old);
  }
}

Result<Void> MemoryJournal::PurgeLocked(const std::string& id, bool keeps_id) {
  const auto found = groups_.find(id);
  if (found == groups_.end()) return journal::NotFound(id);
  const Group& group = found->second;
  if (!group.summary.state.completed) return journal::NotCompleted(id);
  for (const auto& [number, key] : group.entries) log_.erase(key);
  by_age_.erase({group.summary.created, group.order});
  ended_.groups.erase(EndedKey(group.summary, group.order));
  ended_.bytes -= group.bytes;
  const WallTime until = group.summary.created + journal::kRemember;
  if (!group.request.empty()) old_requests_[group.request] = until;
  if (keeps_id) purged_[id] = until;
  groups_.erase(found);
  return Void{};
}

void MemoryJournal::Purge(std::vector<std::string> groups, bool keeps_id,
                          Done<std::vector<Result<Void>>> done) {
  MutexLock lock(mutex_);
  if (closed_) {
    lock.Unlock();
    return done(journal::Closed());
  }
  std::vector<Result<Void>> answers;
  answers.reserve(groups.size());
  for (const std::string& id : groups) answers.push_back(PurgeLocked(id, keeps_id));
  ForgetOldLocked();
  lock.Unlock();
  done(std::move(answers));
}

void MemoryJournal::Oldest(bool failed, size_t limit, std::string token, Done<EndedPage> done) {
  EndedPage page;
  std::tuple<bool, WallTime, uint64_t> after{failed, WallTime::min(), 0};
  if (!token.empty()) {
    const auto decoded = Token::Decode(token, Token::Kind::kEnded, identity_);
    if (!decoded || decoded->values[2] != uint64_t{failed}) return done(journal::BadPageToken());
    after = {failed, WallTime(std::chrono::microseconds(static_cast<int64_t>(decoded->values[0]))),
             decoded->values[1]};
  }
  MutexLock lock(mutex_);
  auto refused = RefuseReadLocked();
  for (auto at = ended_.groups.upper_bound(after); !refused && at != ended_.groups.end(); ++at) {
    const auto& [key, group] = *at;
    if (std::get<0>(key) != failed || page.groups.size() == limit) break;
    after = key;
    page.groups.push_back({.id = group->summary.spec->id,
                           .ended = group->summary.completed,
                           .phase = PhaseOf(group->summary.state),
                           .bytes = group->bytes});
  }
  lock.Unlock();
  if (refused) return done(*std::move(refused));
  if (page.groups.size() == limit) {
    const auto time = static_cast<uint64_t>(std::get<1>(after).time_since_epoch().count());
    page.next =
        Token{.kind = Token::Kind::kEnded, .values = {time, std::get<2>(after), uint64_t{failed}}}.Encode(
            identity_);
  }
  done(std::move(page));
}

JournalUsage MemoryJournal::usage() const {
  MutexLock lock(mutex_);
  return {.ended_groups = ended_.groups.size(), .ended_bytes = ended_.bytes};
}

}  // namespace covey
