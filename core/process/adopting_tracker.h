#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/mutex.h"
#include "core/process/adopted_orphans.h"
#include "core/process/proc_fs.h"
#include "core/process/root_record.h"
#include "core/process/signal_members.h"
#include "core/process/tree_tracker.h"

namespace covey {

// Without cgroups, in a program that adopts orphans: when a root has ended, all that is left of its tree
// hangs below our adopted children, and most often there are none, which one read shows.
//
// Invariants:
// 1. A tree is in trees_ from before its root is cloned until it is released.
// 2. An orphan without an owner has as suspects the trees that may own it. It is killed when the last of them
//    ends, which waits for it.
// 3. What is known of a process is forgotten once it has ended, at the latest by the second Tidy after that.
class AdoptingTracker final : public TreeTracker {
 public:
  // What becomes of an orphan without an owner: it goes with the last tree that may own it, or it is nobody's.
  enum class Unowned : uint8_t { kSuspect, kLeave };

  // `root_record`: see RootRecord; empty: none.
  AdoptingTracker(std::string token_variable, Unowned unowned, const std::string& root_record, Log log);

  bool Prepare(Tree& tree) override;
  void Started(Tree& tree) override;
  void Abandon(Tree& tree) override;
  bool Stop(Tree& tree, int signal) override;
  bool Kill(Tree& tree) override;
  Sweep SweepLeftovers(Tree& tree, Leftovers leftovers) override;
  void Release(Tree& tree) override;
  bool NeedsTidying() const override { return true; }
  void Tidy() override;
  void Finish() override;
  std::string Describe() const override { return "subreaper + /proc walk"; }

  // Brings the members of the tree up to date, by descent from its root and by what its orphans show. To be
  // called before they are signalled: they are about to lose the parents by which they are attributed.
  // False: some may have been missed.
  bool Remember(Tree& tree);
  // The same signals to the members.
  static bool SignalKnown(const Tree& tree, SignalMembers* signal);

  // Processes of which something is known. The loop's thread.
  size_t known() const { return known_.size(); }

 private:
  struct Known {
    uint64_t start_ticks = 0;
    ProcessId owner = 0;           // 0: none yet
    bool orphan = false;           // our child, so that the pid is its own until we reap it
    bool unclear = false;          // the environment could not be read just now
    std::set<ProcessId> suspects;  // when there is no owner
    bool doomed = false;           // its last suspect has ended
  };

  void Forget(Tree& tree) COVEY_EXCLUDES(mutex_);
  void Report(const procfs::Stat& orphan) const;
  // Everything below `from` belongs to `tree`, also once its parent has died.
  void RememberBelow(Tree& tree, pid_t from, procfs::Missed* missed);
  // Also when no other tree may own the orphan, which is reported.
  bool BelongsTo(const Tree& tree, const procfs::Stat& orphan);
  // How many were killed for the first time.
  uint32_t KillMembers(Tree& tree, procfs::Missed* missed);
  // Brings orphans_ up to date, and known_ for each of them. With a tree without those that are known to belong to
  // another: the end of one tree costs no look at the orphans of all.
  void LookAtOrphans(const Tree* tree, procfs::Missed* missed) COVEY_EXCLUDES(mutex_);
  bool BelongsToAnother(const Tree& tree, pid_t pid) COVEY_EXCLUDES(mutex_);
  // By session, then by token.
  void FindOwner(const procfs::Stat& orphan, Known* known, procfs::Missed* missed) const
      COVEY_REQUIRES(mutex_);

  // Constant after construction.
  const std::string token_variable_;
  const Unowned unowned_;
  const Log log_;

  RootRecord record_;  // has a mutex of its own

  // The loop's thread alone.
  AdoptedOrphans adopted_;
  std::vector<procfs::Stat> orphans_;       // each is in known_
  std::unordered_map<pid_t, Known> known_;  // orphans, and members of trees that are being stopped

  Mutex mutex_;                                                   // taken last
  std::map<ProcessId, uint64_t> trees_ COVEY_GUARDED_BY(mutex_);  // and their start_ticks
  std::unordered_map<pid_t, ProcessId> by_root_ COVEY_GUARDED_BY(mutex_);
  std::unordered_map<std::string, ProcessId> by_token_ COVEY_GUARDED_BY(mutex_);
};

}  // namespace covey
