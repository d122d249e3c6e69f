#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/process/adopted_orphans.h"
#include "core/process/proc_fs.h"
#include "core/process/tree_tracker.h"

namespace covey {
namespace {

// When a root has ended, all that is left of its tree hangs below our adopted children, and most often there
// are none: one read tells.
//
// Invariants:
// 1. A tree is in trees_ from before its root is cloned until it is released.
// 2. An orphan without an owner keeps as suspects the trees that may own it. It is killed when the last of
//    them ends, which waits for it.
class AdoptingTracker : public TreeTracker {
 public:
  AdoptingTracker(std::string token_variable, Log log)
      : token_variable_(std::move(token_variable)), log_(std::move(log)) {}

  bool Prepare(Tree& tree) override {
    MutexLock lock(mutex_);
    trees_[tree.id] = tree.start_ticks;
    if (!tree.token.empty()) by_token_[tree.token] = tree.id;
    return true;
  }
  void Started(Tree& tree) override {
    MutexLock lock(mutex_);
    by_root_[tree.root] = tree.id;
  }
  void Abandon(Tree& tree) override { Forget(tree); }

  void Remember(Tree& tree) override { RememberBelow(tree, tree.root); }

  void Kill(Tree& tree) override {
    RememberBelow(tree, tree.root);
    KillRootGroup(tree);
    KillMembers(tree);
  }

  Sweep SweepLeftovers(Tree& tree) override {
    LookAtOrphans();
    Sweep sweep{.gone = true};
    for (const procfs::Stat& orphan : orphans_) {
      Known& known = known_.at(orphan.pid);
      if (known.owner == 0 && known.suspects == std::set<ProcessId>{tree.id}) {
        known.owner = tree.id;
        Report(orphan);
      }
      if (known.owner == 0 && known.unclear && known.suspects.contains(tree.id) &&
          tree.doubts++ < kMostDoubts) {
        sweep.gone = false;
      }
      if (known.owner != tree.id) continue;
      sweep.gone = false;
      tree.members.insert_or_assign(orphan.pid, orphan.start_ticks);
      RememberBelow(tree, orphan.pid);
    }
    if (!sweep.gone) sweep.killed = KillMembers(tree);
    return sweep;
  }

  void Release(Tree& tree) override {
    for (const auto& [pid, start_ticks] : tree.members) {
      const auto found = known_.find(pid);
      if (found != known_.end() && found->second.owner == tree.id) known_.erase(found);
    }
    Forget(tree);
  }

  bool NeedsTidying() const override { return true; }
  void Tidy() override {
    LookAtOrphans();
    std::set<pid_t> orphans;
    for (const procfs::Stat& orphan : orphans_) orphans.insert(orphan.pid);
    std::erase_if(
        known_, [&](const auto& entry) { return entry.second.owner == 0 && !orphans.contains(entry.first); });
  }
  void Finish() override {
    Tidy();
    adopted_.ReapRest();
  }

  std::string Describe() const override { return "subreaper + /proc walk"; }

 private:
  struct Known {
    uint64_t start_ticks = 0;
    ProcessId owner = 0;
    bool unclear = false;          // the environment could not be read just now
    std::set<ProcessId> suspects;  // when there is no owner
  };

  void Forget(Tree& tree) {
    MutexLock lock(mutex_);
    trees_.erase(tree.id);
    by_root_.erase(tree.root);
    const auto found = by_token_.find(tree.token);
    if (found != by_token_.end() && found->second == tree.id) by_token_.erase(found);
  }

  void Report(const procfs::Stat& orphan) const {
    if (!log_) return;
    log_("process " + std::to_string(orphan.pid) + " (" + orphan.name +
         ") left its session and dropped its token; killed, as every task that could own it has ended");
  }

  // Everything below `from` belongs to `tree`, also once its parent has died.
  void RememberBelow(Tree& tree, pid_t from) {
    std::set<pid_t> seen = {from};
    std::vector<pid_t> parents = {from};
    while (!parents.empty()) {
      const pid_t parent = parents.back();
      parents.pop_back();
      for (const pid_t child : procfs::ChildrenOf(parent)) {
        const std::optional<procfs::Stat> stat = procfs::ReadStat(child);
        // The pid may have gone to a process that is no child of this parent.
        if (!stat || stat->parent != parent || !seen.insert(child).second) continue;
        tree.members.insert_or_assign(child, stat->start_ticks);
        known_.insert_or_assign(child, Known{.start_ticks = stat->start_ticks, .owner = tree.id});
        parents.push_back(child);
      }
    }
  }

  // How many were killed for the first time.
  uint32_t KillMembers(Tree& tree) {
    uint32_t killed = 0;
    for (const auto& [pid, start_ticks] : tree.members) {
      if (procfs::KillExactly(pid, start_ticks) && tree.doomed.insert(pid).second) ++killed;
    }
    return killed;
  }

  // Brings orphans_ up to date, and known_ for each of them.
  void LookAtOrphans() {
    orphans_ = adopted_.Scan();
    if (orphans_.empty()) return;
    MutexLock lock(mutex_);
    std::map<pid_t, ProcessId> sessions;
    for (const procfs::Stat& orphan : orphans_) {
      Known& known = known_[orphan.pid];
      if (known.start_ticks != orphan.start_ticks) known = Known{.start_ticks = orphan.start_ticks};
      if (known.owner == 0) FindOwner(orphan, &known);
      if (known.owner != 0) sessions[orphan.session] = known.owner;
    }
    std::erase_if(orphans_, [&](const procfs::Stat& orphan) COVEY_REQUIRES(mutex_) {
      Known& known = known_.at(orphan.pid);
      // A session is not shared by trees: whoever is in that of a member is a member.
      if (known.owner == 0) {
        const auto found = sessions.find(orphan.session);
        if (found != sessions.end()) known.owner = found->second;
      }
      if (known.owner != 0 && trees_.contains(known.owner)) return false;
      known.owner = 0;
      const bool first_sight = known.suspects.empty();
      if (first_sight) {
        for (const auto& [id, start_ticks] : trees_) {
          if (start_ticks <= orphan.start_ticks) known.suspects.insert(id);
        }
      } else {
        std::erase_if(known.suspects,
                      [this](ProcessId id) COVEY_REQUIRES(mutex_) { return !trees_.contains(id); });
      }
      if (!known.suspects.empty()) return false;
      // Older than all our trees: not ours. Otherwise its last suspect ended without having seen it.
      if (!first_sight && procfs::KillExactly(orphan.pid, orphan.start_ticks)) Report(orphan);
      known_.erase(orphan.pid);
      return true;
    });
  }

  // By session, then by token.
  void FindOwner(const procfs::Stat& orphan, Known* known) const COVEY_REQUIRES(mutex_) {
    const auto by_root = by_root_.find(orphan.session);
    if (by_root != by_root_.end()) {
      known->owner = by_root->second;
      return;
    }
    const std::optional<std::string> environment = procfs::ReadEnvironment(orphan);
    known->unclear = !environment;
    if (!environment) return;
    const std::optional<std::string_view> token = procfs::FindVariable(*environment, token_variable_);
    const auto by_token = token ? by_token_.find(std::string(*token)) : by_token_.end();
    if (by_token != by_token_.end()) known->owner = by_token->second;
  }

  // Constant after construction.
  const std::string token_variable_;
  const Log log_;

  // The loop's thread alone.
  AdoptedOrphans adopted_;
  std::vector<procfs::Stat> orphans_;       // each is in known_
  std::unordered_map<pid_t, Known> known_;  // orphans, and members of trees that were told to stop

  Mutex mutex_;                                                   // taken last
  std::map<ProcessId, uint64_t> trees_ COVEY_GUARDED_BY(mutex_);  // and their start_ticks
  std::unordered_map<pid_t, ProcessId> by_root_ COVEY_GUARDED_BY(mutex_);
  std::unordered_map<std::string, ProcessId> by_token_ COVEY_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<TreeTracker> MakeAdoptingTracker(std::string token_variable, TreeTracker::Log log) {
  return std::make_unique<AdoptingTracker>(std::move(token_variable), std::move(log));
}

}  // namespace covey
