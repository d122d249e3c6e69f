#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/mutex.h"
#include "core/journal/journal.h"
#include "covey/pool.h"
#include "covey/result.h"

namespace covey {

// A pool that the configuration asks for.
struct PoolConfig {
  std::string name;
  uint32_t max = 0;

  bool operator==(const PoolConfig&) const = default;
};

// One pool, as it stands.
struct PoolView {
  std::string name;
  uint32_t max = 0;
  size_t running = 0;  // slots held
  size_t waiting = 0;  // tasks
  bool closing = false;
  bool configured = false;
  uint32_t groups = 0;  // that use it and are not over
};

// The pools of one daemon by name. "default" always exists. Those of the configuration are as it says, at the
// start and at each Configure; the others are kept in the journal, from one daemon to the next.
//
// Invariants:
// 1. A pool stays as long as a group uses it (Use … Release).
// 2. What is answered is durable: a pool is used, or its new bound counts, once the journal holds it.
// 3. A closing pool is used by no new group; it goes with its last use, from the journal first.
// 4. Until Unpark no pool gives out a slot.
//
// Thread safety: all of it. Answers come from any thread, possibly before the call returns, with no lock
// held. Lock order: mutex_, then that of a Pool, for its figures only.
class PoolTable {
 public:
  template <typename T>
  using Done = std::function<void(Result<T>)>;

  static constexpr std::string_view kDefault = "default";
  static constexpr uint32_t kDefaultMax = 64;

  PoolTable(std::shared_ptr<Journal> journal, std::shared_ptr<TimerQueue> timers,
            std::vector<PoolConfig> configured, std::function<void(const std::string& line)> warn);

  // What an earlier daemon has left in the journal. Before everything else.
  void Recover(std::vector<StoredPool> stored) COVEY_EXCLUDES(mutex_);
  // After the groups have been recovered: removes what was closing and is not used any more.
  void RemoveUnused() COVEY_EXCLUDES(mutex_);

  // When everything has been recovered.
  void Unpark() COVEY_EXCLUDES(mutex_);

  // For a new group. kInvalidArgument (POOL_NOT_FOUND), kFailedPrecondition (POOL_CLOSING).
  Result<std::shared_ptr<Pool>> Use(const std::string& name) COVEY_EXCLUDES(mutex_);
  // For a group of an earlier daemon: its pool, closing or not; null when there is none of that name.
  std::shared_ptr<Pool> UseAgain(const std::string& name) COVEY_EXCLUDES(mutex_);
  void Release(const Pool* pool) COVEY_EXCLUDES(mutex_);

  // kAlreadyExists.
  void Create(const std::string& name, uint32_t max, Done<PoolView> done) COVEY_EXCLUDES(mutex_);
  // kNotFound.
  Result<PoolView> Get(const std::string& name) const COVEY_EXCLUDES(mutex_);
  // By name.
  std::vector<PoolView> List() const COVEY_EXCLUDES(mutex_);
  // kNotFound. Of a configured pool it holds until the configuration is read again.
  void Update(const std::string& name, uint32_t max, Done<PoolView> done) COVEY_EXCLUDES(mutex_);
  // Answers when the pool is gone. kNotFound; kFailedPrecondition for "default" and configured ones. The id
  // is for Unwait, after which `done` is not called unless it is being called already; the pool goes on
  // closing.
  uint64_t Close(const std::string& name, Done<Void> done) COVEY_EXCLUDES(mutex_);
  void Unwait(uint64_t id) COVEY_EXCLUDES(mutex_);

  // Brings the configured pools in step: new ones are made, bounds set, those that are missing close. One
  // that was made by Create and is now configured is the configuration's from here on.
  void Configure(const std::vector<PoolConfig>& configured) COVEY_EXCLUDES(mutex_);

 private:
  struct Entry {
    std::shared_ptr<Pool> pool;
    uint32_t max = 0;
    uint32_t groups = 0;
    bool configured = false;
    bool making = false;  // not durable yet: nobody sees it
    bool closing = false;
    bool closing_kept = false;  // and the journal knows, or need not
    bool removing = false;
    std::map<uint64_t, Done<Void>> waiters;
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  Entry MakeEntryLocked(uint32_t max) const COVEY_REQUIRES(mutex_);
  Entries::iterator FindLocked(const std::string& name) COVEY_REQUIRES(mutex_);
  std::string NamesLocked() const COVEY_REQUIRES(mutex_);
  Error NotFoundLocked(const std::string& name) const COVEY_REQUIRES(mutex_);
  static PoolView ViewOf(const std::string& name, const Entry& entry);
  // True when the caller is to call Remove, without the lock.
  static bool StartRemoval(Entry& entry);
  void Remove(const std::string& name) COVEY_EXCLUDES(mutex_);
  void OnClosingKept(const std::string& name, Result<Void> result) COVEY_EXCLUDES(mutex_);
  void OnRemoved(const std::string& name, Result<Void> result) COVEY_EXCLUDES(mutex_);
  void ForgetStored(const std::string& name);

  // Constant after construction.
  const std::shared_ptr<Journal> journal_;
  const std::shared_ptr<TimerQueue> timers_;
  const std::function<void(const std::string& line)> warn_;

  mutable Mutex mutex_;
  bool parked_ COVEY_GUARDED_BY(mutex_) = true;
  Entries entries_ COVEY_GUARDED_BY(mutex_);
  uint64_t next_waiter_ COVEY_GUARDED_BY(mutex_) = 1;
};

}  // namespace covey
