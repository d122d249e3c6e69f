#include "server/journal/memory_journal.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <random>
#include <utility>

#include "server/journal/token.h"

namespace covey {
namespace {

Error Injected(const std::string& what) {
  return {.code = ErrorCode::kUnavailable, .reason = "JOURNAL_FAILED", .message = "injected " + what};
}

uint64_t RandomIdentity() {
  std::random_device device;
  return static_cast<uint64_t>(device()) << 32 | device();
}

}  // namespace

MemoryJournal::MemoryJournal(Options options)
    : now_(options.now ? std::move(options.now) : journal::SystemNow), identity_(RandomIdentity()) {}

MemoryJournal::~MemoryJournal() { Close(); }

void MemoryJournal::Acquire(std::vector<std::string> groups, Done<uint64_t> done) {
  MutexLock lock(mutex_);
  if (closed_) {
    lock.Unlock();
    return done(journal::Closed());
  }
  const uint64_t epoch = ++newest_epoch_;
  if (groups.empty()) {
    owner_of_all_ = epoch;
    owners_.clear();
  }
  for (std::string& group : groups) owners_[std::move(group)] = epoch;
  lock.Unlock();
  done(epoch);
}

void MemoryJournal::AppendAsync(Append append, std::function<void(AppendResult)> done) {
  MutexLock lock(mutex_);
  if (closed_) {
    lock.Unlock();
    done(journal::Failed(journal::Closed()));
    if (flush_) flush_();
    return;
  }
  queue_.push_back({std::move(append), std::move(done)});
  if (held_) changed_.NotifyAll();
  if (held_ || draining_) return;
  draining_ = true;
  lock.Unlock();
  Drain();
}

void MemoryJournal::OnBatch(std::function<void()> flush) { flush_ = std::move(flush); }

// Requires that the caller set draining_.
void MemoryJournal::Drain() {
  std::vector<Pending> batch;
  std::vector<AppendResult> results;
  for (;;) {
    batch.clear();
    results.clear();
    {
      MutexLock lock(mutex_);
      if (queue_.empty() || held_) {
        draining_ = false;
        changed_.NotifyAll();
        return;
      }
      batch.swap(queue_);
      for (Pending& pending : batch) results.push_back(CarryOutLocked(std::move(pending.append)));
    }
    for (size_t i = 0; i < batch.size(); ++i) batch[i].done(std::move(results[i]));
    if (flush_) flush_();
  }
}

AppendResult MemoryJournal::CarryOutLocked(Append append) {
  if (faults_.empty()) return WriteLocked(std::move(append));
  const Fault fault = faults_.front().first;
  if (--faults_.front().second == 0) faults_.pop_front();
  switch (fault) {
    case Fault::kFail:
      return journal::Failed(Injected("failure"));
    case Fault::kLoseRequest:
      return {.kind = AppendResult::Kind::kUnknown, .error = Injected("loss of a request")};
    case Fault::kLoseReply:
      (void)WriteLocked(std::move(append));
      return {.kind = AppendResult::Kind::kUnknown, .error = Injected("loss of a reply")};
    case Fault::kLoseOwnership:
      owner_of_all_ = ++newest_epoch_;
      return WriteLocked(std::move(append));
  }
  return journal::Failed(Injected("unknown fault"));
}

uint64_t MemoryJournal::OwnerLocked(const std::string& group) const {
  const auto owner = owners_.find(group);
  return owner != owners_.end() ? owner->second : std::max<uint64_t>(owner_of_all_, 1);
}

journal::Standing MemoryJournal::StandingLocked(const Append& append) const {
  journal::Standing standing{.owner = OwnerLocked(append.group), .newest = newest_epoch_};
  if (const auto until = purged_.find(append.group); until != purged_.end())
    standing.purged = until->second > now_();
  if (const auto made = requests_.find(journal::RequestOf(append)); made != requests_.end()) {
    const auto old = old_requests_.find(made->first);
    if (old == old_requests_.end() || old->second > now_()) standing.request_of = made->second;
  }
  const auto found = groups_.find(append.group);
  if (found == groups_.end()) return standing;
  standing.head = found->second.head;
  const auto& entries = found->second.entries;
  if (const auto key = entries.upper_bound(append.expected); key != entries.end()) {
    const Entry& entry = log_.at(key->second);
    standing.repeated = entry.commit_id == append.commit_id && entry.batch->first() == append.expected + 1;
  }
  return standing;
}

AppendResult MemoryJournal::WriteLocked(Append append) {
  if (auto refused = journal::Judge(append, StandingLocked(append))) return *std::move(refused);
  const Record& first = append.batch->records().front();
  Group& group = groups_[append.group];
  if (append.expected == 0) {
    group.order = next_order_++;
    group.request = journal::RequestOf(append);
    if (!group.request.empty()) {
      requests_[group.request] = append.group;
      old_requests_.erase(group.request);
    }
    purged_.erase(append.group);
  }
  if (append.summary.has_value()) {
    if (append.expected == 0) by_age_[{append.summary->created, group.order}] = &group;
    const WallTime created = append.expected == 0 ? append.summary->created : group.summary.created;
    auto spec = append.expected == 0 ? first.group : group.summary.spec;
    const bool ends = append.summary->state.completed && !group.summary.state.completed;
    group.summary = *std::move(append.summary);
    if (ends) EndLocked(group, append.batch->last());
    group.summary.created = created;
    group.summary.spec = std::move(spec);
  }
  group.head = append.batch->last();
  group.entries[group.head] = next_entry_;
  log_[next_entry_++] = {
      .group = std::move(append.group), .commit_id = append.commit_id, .batch = std::move(append.batch)};
  return journal::Committed(group.head);
}

std::optional<Error> MemoryJournal::RefuseReadLocked() {
  if (closed_) return journal::Closed();
  if (failing_reads_ == 0) return std::nullopt;
  --failing_reads_;
  return Error{.code = ErrorCode::kUnavailable, .reason = "JOURNAL_FAILED", .message = "injected failure"};
}

void MemoryJournal::Head(std::string group, Done<uint64_t> done) {
  MutexLock lock(mutex_);
  Result<uint64_t> result = uint64_t{0};
  if (auto error = RefuseReadLocked()) {
    result = *std::move(error);
  } else if (const auto found = groups_.find(group); found != groups_.end()) {
    result = found->second.head;
  }
  lock.Unlock();
  done(std::move(result));
}

void MemoryJournal::Read(std::string group, uint64_t from, PageLimit limit, Done<std::vector<Record>> done) {
  std::vector<Record> records;
  MutexLock lock(mutex_);
  auto refused = RefuseReadLocked();
  if (const auto found = groups_.find(group); !refused && found != groups_.end()) {
    const auto& entries = found->second.entries;
    PageFill fill(limit);
    bool room = true;
    for (auto key = entries.lower_bound(from); key != entries.end() && room; ++key) {
      for (const Record& record : log_.at(key->second).batch->records()) {
        if (record.number < from || !(room = room && fill.Take(BytesOf(record)))) continue;
        records.push_back(record);
      }
    }
  }
  lock.Unlock();
  refused ? done(*std::move(refused)) : done(std::move(records));
}

Result<WatchPage> MemoryJournal::WatchLocked(const std::string& cursor, PageLimit limit) const {
  std::optional<Token> token =
      cursor.empty() ? Token{} : Token::Decode(cursor, Token::Kind::kCursor, identity_);
  if (!token.has_value()) return journal::BadCursor();
  // Key of the last entry of which something was told; number of the last record told of it, 0: all were.
  auto& [after, through, unused] = token->values;
  if (after > 0 && after >= next_entry_) return journal::CursorOfTheFuture();
  WatchPage page;
  PageFill fill({std::max<size_t>(limit.count, 1), limit.bytes});
  std::string_view last;
  for (auto entry = through == 0 ? log_.upper_bound(after) : log_.lower_bound(after);
       entry != log_.end() && !page.more; ++entry) {
    const auto& [key, commit] = *entry;
    const uint64_t told = key == after ? through : 0;
    for (const Record& record : commit.batch->records()) {
      if (record.number <= told) continue;
      page.more = !fill.Take(BytesOf(record));
      if (page.more) break;
      if (last != commit.group) page.groups.push_back({.group = groups_.at(commit.group).summary.spec});
      last = commit.group;
      page.groups.back().records.push_back(record);
      after = key;
      through = record.number == commit.batch->last() ? 0 : record.number;
    }
  }
  page.cursor = token->Encode(identity_);
  return page;
}

void MemoryJournal::Watch(std::string cursor, PageLimit limit, Done<WatchPage> done) {
  MutexLock lock(mutex_);
  auto refused = RefuseReadLocked();
  Result<WatchPage> page = refused ? Result<WatchPage>(*std::move(refused)) : WatchLocked(cursor, limit);
  lock.Unlock();
  done(std::move(page));
}

void MemoryJournal::Newest(Done<std::string> done) {
  MutexLock lock(mutex_);
  auto refused = RefuseReadLocked();
  const uint64_t last = log_.empty() ? 0 : log_.rbegin()->first;
  lock.Unlock();
  if (refused) return done(*std::move(refused));
  done(Token{.kind = Token::Kind::kCursor, .values = {last}}.Encode(identity_));
}

GroupSummary MemoryJournal::SummaryLocked(const Group& group) const {
  GroupSummary summary = group.summary;
  summary.last_number = group.head;
  return summary;
}

Result<GroupPage> MemoryJournal::ListLocked(const GroupFilter& filter, PageLimit limit,
                                            const std::string& token) const {
  const uint64_t fingerprint = journal::Fingerprint(filter);
  auto next = by_age_.end();
  if (!token.empty()) {
    const auto decoded = Token::Decode(token, Token::Kind::kPage, identity_);
    if (!decoded.has_value() || decoded->values[2] != fingerprint) return journal::BadPageToken();
    const WallTime created{std::chrono::microseconds(static_cast<int64_t>(decoded->values[0]))};
    next = by_age_.lower_bound({created, decoded->values[1]});
  }
  GroupPage page;
  PageFill fill({std::max<size_t>(limit.count, 1), limit.bytes});
  while (next != by_age_.begin()) {
    --next;
    const Group& group = *next->second;
    if (!journal::Matches(filter, group.summary)) continue;
    if (!fill.Take(BytesOf(group.summary))) {
      const auto& [created, order] = std::next(next)->first;
      page.next =
          Token{.kind = Token::Kind::kPage,
                .values = {static_cast<uint64_t>(created.time_since_epoch().count()), order, fingerprint}}
              .Encode(identity_);
      break;
    }
    page.groups.push_back(SummaryLocked(group));
  }
  return page;
}

void MemoryJournal::List(GroupFilter filter, PageLimit limit, std::string token, Done<GroupPage> done) {
  MutexLock lock(mutex_);
  auto refused = RefuseReadLocked();
  auto page = refused ? Result<GroupPage>(*std::move(refused)) : ListLocked(filter, limit, token);
  lock.Unlock();
  done(std::move(page));
}

void MemoryJournal::Find(std::string group, Done<GroupSummary> done) {
  MutexLock lock(mutex_);
  Result<GroupSummary> result = journal::NotFound(group);
  if (auto error = RefuseReadLocked()) {
    result = *std::move(error);
  } else if (const auto found = groups_.find(group); found != groups_.end()) {
    result = SummaryLocked(found->second);
  }
  lock.Unlock();
  done(std::move(result));
}

void MemoryJournal::FindRequest(std::string request_id, Done<std::string> done) {
  MutexLock lock(mutex_);
  Result<std::string> result = std::string();
  if (auto error = RefuseReadLocked()) {
    result = *std::move(error);
  } else if (const auto found = requests_.find(request_id); found != requests_.end()) {
    const auto old = old_requests_.find(request_id);
    if (old == old_requests_.end() || old->second > now_()) result = found->second;
  }
  lock.Unlock();
  done(std::move(result));
}

std::optional<Error> MemoryJournal::RefusePoolLocked() {
  if (closed_) return journal::Closed();
  if (failing_pools_ == 0) return std::nullopt;
  --failing_pools_;
  return Error{.code = ErrorCode::kUnavailable, .reason = "JOURNAL_FAILED", .message = "injected failure"};
}

void MemoryJournal::PutPool(StoredPool pool, Done<Void> done) {
  MutexLock lock(mutex_);
  auto refused = RefusePoolLocked();
  if (!refused) pools_[pool.name] = pool;
  lock.Unlock();
  refused ? done(*std::move(refused)) : done(Void{});
}

void MemoryJournal::RemovePool(std::string name, Done<Void> done) {
  MutexLock lock(mutex_);
  auto refused = RefusePoolLocked();
  if (!refused) pools_.erase(name);
  lock.Unlock();
  refused ? done(*std::move(refused)) : done(Void{});
}

void MemoryJournal::Pools(Done<std::vector<StoredPool>> done) {
  std::vector<StoredPool> pools;
  MutexLock lock(mutex_);
  auto refused = RefuseReadLocked();
  for (const auto& [name, pool] : pools_) pools.push_back(pool);
  lock.Unlock();
  refused ? done(*std::move(refused)) : done(std::move(pools));
}

void MemoryJournal::Close() {
  ReleaseCommits();
  MutexLock lock(mutex_);
  closed_ = true;
  while (draining_) changed_.Wait(mutex_);
}

void MemoryJournal::Inject(Fault fault, size_t count) {
  MutexLock lock(mutex_);
  if (count > 0) faults_.emplace_back(fault, count);
}

void MemoryJournal::FailReads(size_t count) {
  MutexLock lock(mutex_);
  failing_reads_ = count;
}

void MemoryJournal::FailPools(size_t count) {
  MutexLock lock(mutex_);
  failing_pools_ = count;
}

void MemoryJournal::HoldCommits() {
  MutexLock lock(mutex_);
  held_ = true;
}

void MemoryJournal::ReleaseCommits() {
  {
    MutexLock lock(mutex_);
    held_ = false;
    if (draining_ || queue_.empty()) return;
    draining_ = true;
  }
  Drain();
}

void MemoryJournal::AwaitHeld(size_t count) {
  MutexLock lock(mutex_);
  while (queue_.size() < count) changed_.Wait(mutex_);
}

}  // namespace covey
