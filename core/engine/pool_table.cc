#include "core/engine/pool_table.h"

#include <algorithm>
#include <utility>

#include "core/base/check.h"

namespace covey {

PoolTable::PoolTable(std::shared_ptr<Journal> journal, std::shared_ptr<TimerQueue> timers,
                     std::vector<PoolConfig> configured, std::function<void(const std::string& line)> warn)
    : journal_(std::move(journal)), timers_(std::move(timers)), warn_(std::move(warn)) {
  MutexLock lock(mutex_);
  for (const PoolConfig& config : configured) {
    Entry entry = MakeEntryLocked(config.max);
    entry.configured = true;
    entries_.insert_or_assign(config.name, std::move(entry));
  }
  if (!entries_.contains(kDefault)) entries_.emplace(kDefault, MakeEntryLocked(kDefaultMax));
}

PoolTable::Entry PoolTable::MakeEntryLocked(uint32_t max) const {
  return {.pool = Pool::New({.max = max, .timers = timers_, .parked = parked_}), .max = max};
}

void PoolTable::Unpark() {
  std::vector<std::shared_ptr<Pool>> pools;
  {
    MutexLock lock(mutex_);
    parked_ = false;
    for (const auto& [name, entry] : entries_) pools.push_back(entry.pool);
  }
  for (const auto& pool : pools) pool->Unpark();
}

void PoolTable::Recover(std::vector<StoredPool> stored) {
  for (StoredPool& pool : stored) {
    bool configured = false;
    {
      MutexLock lock(mutex_);
      const auto [found, fresh] = entries_.try_emplace(pool.name);
      Entry& entry = found->second;
      configured = entry.configured;
      if (!configured) {
        entry = MakeEntryLocked(pool.max);
        entry.closing = entry.closing_kept = pool.closing;
      }
    }
    if (configured) ForgetStored(pool.name);
  }
}

void PoolTable::RemoveUnused() {
  std::vector<std::string> unused;
  {
    MutexLock lock(mutex_);
    for (auto& [name, entry] : entries_) {
      if (StartRemoval(entry)) unused.push_back(name);
    }
  }
  for (const std::string& name : unused) Remove(name);
}

void PoolTable::ForgetStored(const std::string& name) {
  journal_->RemovePool(name, [this, name](Result<Void> removed) {
    if (!removed.ok())
      warn_("pool " + name +
            ": what the journal keeps of it could not be removed: " + removed.error().message);
  });
}

PoolTable::Entries::iterator PoolTable::FindLocked(const std::string& name) {
  const auto found = entries_.find(name);
  return found != entries_.end() && found->second.making ? entries_.end() : found;
}

std::string PoolTable::NamesLocked() const {
  std::string names;
  for (const auto& [each, entry] : entries_) {
    if (!entry.making && !entry.closing) names += (names.empty() ? "" : ", ") + each;
  }
  return names;
}

Error PoolTable::NotFoundLocked(const std::string& name) const {
  return {.code = ErrorCode::kNotFound,
          .reason = "POOL_NOT_FOUND",
          .message = "no pool " + name + "; there are: " + NamesLocked()};
}

PoolView PoolTable::ViewOf(const std::string& name, const Entry& entry) {
  const Pool::Stats stats = entry.pool->stats();
  return {.name = name,
          .max = entry.max,
          .running = stats.running,
          .waiting = stats.waiting,
          .closing = entry.closing,
          .configured = entry.configured,
          .groups = entry.groups};
}

Result<std::shared_ptr<Pool>> PoolTable::Use(const std::string& name) {
  MutexLock lock(mutex_);
  const auto found = FindLocked(name);
  if (found == entries_.end()) {
    Error error = NotFoundLocked(name);
    error.code = ErrorCode::kInvalidArgument;
    error.message = "no pool " + name;
    error.fields = {{"spec.pool", "must be one of " + NamesLocked() + ", got " + name}};
    return error;
  }
  if (found->second.closing) {
    return Error{.code = ErrorCode::kFailedPrecondition,
                 .reason = "POOL_CLOSING",
                 .message = "pool " + name + " is being closed and takes no new groups"};
  }
  ++found->second.groups;
  return found->second.pool;
}

std::shared_ptr<Pool> PoolTable::UseAgain(const std::string& name) {
  MutexLock lock(mutex_);
  const auto found = FindLocked(name);
  if (found == entries_.end()) return nullptr;
  ++found->second.groups;
  return found->second.pool;
}

void PoolTable::Release(const Pool* pool) {
  std::string unused;
  {
    MutexLock lock(mutex_);
    const auto found = std::find_if(entries_.begin(), entries_.end(),
                                    [pool](const auto& entry) { return entry.second.pool.get() == pool; });
    COVEY_CHECK(found != entries_.end() && found->second.groups > 0);
    --found->second.groups;
    if (StartRemoval(found->second)) unused = found->first;
  }
  if (!unused.empty()) Remove(unused);
}

void PoolTable::Create(const std::string& name, uint32_t max, Done<PoolView> done) {
  {
    MutexLock lock(mutex_);
    const auto [found, fresh] = entries_.try_emplace(name);
    if (!fresh) {
      const bool closing = found->second.closing;
      lock.Unlock();
      done(Error{.code = ErrorCode::kAlreadyExists,
                 .reason = "POOL_EXISTS",
                 .message = "pool " + name + (closing ? " exists and is being closed" : " exists already")});
      return;
    }
    found->second = MakeEntryLocked(max);
    found->second.making = true;
  }
  journal_->PutPool({.name = name, .max = max}, [this, name, done = std::move(done)](Result<Void> kept) {
    MutexLock lock(mutex_);
    const auto found = entries_.find(name);
    if (!kept.ok()) {
      if (found != entries_.end() && found->second.making) entries_.erase(found);
      lock.Unlock();
      done(kept.error());
      return;
    }
    if (found == entries_.end()) {  // taken over by the configuration and removed again
      Error error = NotFoundLocked(name);
      lock.Unlock();
      done(std::move(error));
      return;
    }
    found->second.making = false;
    PoolView view = ViewOf(name, found->second);
    lock.Unlock();
    done(std::move(view));
  });
}

Result<PoolView> PoolTable::Get(const std::string& name) const {
  MutexLock lock(mutex_);
  const auto found = entries_.find(name);
  if (found == entries_.end() || found->second.making) return NotFoundLocked(name);
  return ViewOf(name, found->second);
}

std::vector<PoolView> PoolTable::List() const {
  std::vector<PoolView> views;
  MutexLock lock(mutex_);
  for (const auto& [name, entry] : entries_) {
    if (!entry.making) views.push_back(ViewOf(name, entry));
  }
  return views;
}

void PoolTable::Update(const std::string& name, uint32_t max, Done<PoolView> done) {
  const auto apply = [this, name, max, done](Result<Void> kept) {
    if (!kept.ok()) {
      done(kept.error());
      return;
    }
    MutexLock lock(mutex_);
    const auto found = FindLocked(name);
    if (found == entries_.end()) {  // closed meanwhile
      Error error = NotFoundLocked(name);
      lock.Unlock();
      done(std::move(error));
      return;
    }
    found->second.max = max;
    const std::shared_ptr<Pool> pool = found->second.pool;
    lock.Unlock();
    pool->SetMax(max);  // may start tasks
    done(Get(name));
  };
  StoredPool stored{.name = name, .max = max};
  bool configured = false;
  {
    MutexLock lock(mutex_);
    const auto found = FindLocked(name);
    if (found == entries_.end() || found->second.removing) {
      Error error = NotFoundLocked(name);
      lock.Unlock();
      done(std::move(error));
      return;
    }
    stored.closing = found->second.closing;
    configured = found->second.configured;
  }
  if (configured) {
    apply(Void{});
  } else {
    journal_->PutPool(std::move(stored), apply);
  }
}

bool PoolTable::StartRemoval(Entry& entry) {
  if (!entry.closing || !entry.closing_kept || entry.groups > 0 || entry.removing) return false;
  entry.removing = true;
  return true;
}

uint64_t PoolTable::Close(const std::string& name, Done<Void> done) {
  MutexLock lock(mutex_);
  const auto found = FindLocked(name);
  std::optional<Error> error;
  if (found == entries_.end()) {
    error = NotFoundLocked(name);
  } else if (name == kDefault) {
    error = Error{.code = ErrorCode::kFailedPrecondition,
                  .reason = "POOL_DEFAULT",
                  .message = "pool default cannot be closed: groups that name no pool use it"};
  } else if (found->second.configured) {
    error = Error{.code = ErrorCode::kFailedPrecondition,
                  .reason = "POOL_CONFIGURED",
                  .message = "pool " + name + " is in the configuration: remove it there and reload"};
  }
  if (error) {
    lock.Unlock();
    done(std::move(*error));
    return 0;
  }
  Entry& entry = found->second;
  const uint64_t id = next_waiter_++;
  entry.waiters.emplace(id, std::move(done));
  const bool fresh = !std::exchange(entry.closing, true);
  const bool remove = StartRemoval(entry);
  const StoredPool stored{.name = name, .max = entry.max, .closing = true};
  lock.Unlock();
  if (fresh) {
    journal_->PutPool(stored, [this, name](Result<Void> kept) { OnClosingKept(name, std::move(kept)); });
  } else if (remove) {
    Remove(name);
  }
  return id;
}

void PoolTable::OnClosingKept(const std::string& name, Result<Void> result) {
  std::map<uint64_t, Done<Void>> refused;
  bool remove = false;
  {
    MutexLock lock(mutex_);
    const auto found = entries_.find(name);
    if (found == entries_.end()) return;
    Entry& entry = found->second;
    if (result.ok()) {
      entry.closing_kept = entry.closing;
      remove = StartRemoval(entry);
    } else {
      entry.closing = false;
      refused.swap(entry.waiters);
    }
  }
  for (const auto& [id, done] : refused) done(result.error());
  if (remove) Remove(name);
}

void PoolTable::Remove(const std::string& name) {
  journal_->RemovePool(name, [this, name](Result<Void> removed) { OnRemoved(name, std::move(removed)); });
}

void PoolTable::OnRemoved(const std::string& name, Result<Void> result) {
  std::map<uint64_t, Done<Void>> waiters;
  Entries::node_type gone;  // ends without the lock: its pool waits for its threads
  {
    MutexLock lock(mutex_);
    const auto found = entries_.find(name);
    if (found == entries_.end()) return;
    waiters.swap(found->second.waiters);
    found->second.removing = false;
    // Configured again meanwhile: it stays.
    if (result.ok() && found->second.closing) gone = entries_.extract(found);
  }
  if (!result.ok()) warn_("pool " + name + " stays closing: " + result.error().message);
  for (const auto& [id, done] : waiters) done(result);
}

void PoolTable::Unwait(uint64_t id) {
  Done<Void> dropped;  // ends without the lock
  MutexLock lock(mutex_);
  for (auto& [name, entry] : entries_) {
    if (const auto found = entry.waiters.find(id); found != entry.waiters.end()) {
      dropped = std::move(found->second);
      entry.waiters.erase(found);
      break;
    }
  }
  lock.Unlock();
}

void PoolTable::Configure(const std::vector<PoolConfig>& configured) {
  std::vector<std::pair<std::shared_ptr<Pool>, uint32_t>> bounds;
  std::vector<std::string> adopted;
  std::vector<std::string> unused;
  {
    MutexLock lock(mutex_);
    for (const PoolConfig& config : configured) {
      const auto [found, fresh] = entries_.try_emplace(config.name);
      Entry& entry = found->second;
      if (fresh) entry = MakeEntryLocked(config.max);
      if (!fresh && !entry.configured) adopted.push_back(config.name);
      entry.configured = true;
      entry.making = entry.closing = entry.closing_kept = false;
      entry.max = config.max;
      bounds.emplace_back(entry.pool, config.max);
    }
    for (auto& [name, entry] : entries_) {
      const bool kept = std::any_of(configured.begin(), configured.end(),
                                    [&name = name](const PoolConfig& config) { return config.name == name; });
      if (!entry.configured || kept) continue;
      entry.configured = false;
      if (name == kDefault) {
        entry.max = kDefaultMax;
        bounds.emplace_back(entry.pool, kDefaultMax);
        continue;
      }
      entry.closing = entry.closing_kept = true;
      if (StartRemoval(entry)) unused.push_back(name);
    }
  }
  for (const auto& [pool, max] : bounds) pool->SetMax(max);  // may start tasks
  for (const std::string& name : adopted) ForgetStored(name);
  for (const std::string& name : unused) Remove(name);
}

}  // namespace covey
