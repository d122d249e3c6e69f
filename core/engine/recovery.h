#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/durable_group.h"
#include "core/engine/pool_table.h"
#include "covey/result.h"

namespace covey {

// How far a recovery has come, in groups.
struct RecoveryProgress {
  size_t found = 0;    // not over, so far
  size_t read = 0;     // of those
  size_t resumed = 0;  // of those, durably
};

// Told how far a recovery has come: after each group, and every kTellEvery while it waits. False stops it.
using RecoveryWatcher = std::function<bool(const RecoveryProgress&)>;

// What an engine does before it runs: it reads the groups that are not over, then resumes them. Both are
// pipelined: many reads are under way at once, and the appends of many groups share a commit, so that a restart
// costs a few syncs, not one a group.
//
// A group that cannot be read is set aside and holds up nobody. One whose append fails goes on trying by
// itself. Nothing is granted before the pools are unparked, so a recovery that is stopped has started nothing.
//
// Thread safety: none; blocks the caller. What is under way when it ends early touches nothing of it.
class Recovery {
 public:
  static constexpr std::chrono::milliseconds kTellEvery{100};
  static constexpr size_t kReadsAtOnce = 64;
  static constexpr size_t kResumesAtOnce = 4096;

  using GroupPtr = std::shared_ptr<DurableGroup>;
  struct Aside {
    std::string id;
    Error error;     // kDataLoss
    GroupPtr group;  // as far as it goes; null: nothing of it can be told
  };

  // `watcher` may be empty.
  Recovery(std::shared_ptr<const GroupEnvironment> environment, PoolTable& pools, uint64_t epoch,
           RecoveryWatcher watcher);
  ~Recovery();

  // Once. An error: the journal could not be read, or the watcher has stopped it.
  std::optional<Error> Read();
  // What was read: oldest first, since they have waited longest.
  const std::vector<GroupPtr>& groups() const { return groups_; }
  const std::vector<Aside>& aside() const { return aside_; }
  // An error: the watcher has stopped it.
  std::optional<Error> Resume();

 private:
  struct State;  // shared with the answers of the journal

  Result<GroupPage> List(const std::string& token);
  void Load(const GroupSummary& listed);
  std::shared_ptr<Pool> PoolOf(const GroupSpec& spec);
  void Sort();
  // Waits until `ready` is true of the state, which is locked then.
  std::optional<Error> Await(const std::function<bool(const State&)>& ready);

  const std::shared_ptr<const GroupEnvironment> environment_;
  PoolTable& pools_;
  const uint64_t epoch_;
  const RecoveryWatcher watcher_;
  const std::shared_ptr<State> state_;
  std::vector<GroupPtr> groups_;
  std::vector<Aside> aside_;
};

}  // namespace covey
