#include <algorithm>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/process/proc_fs.h"
#include "core/process/tree_tracker.h"

namespace covey {
namespace {

// All processes that are as young as the oldest tree, at one moment.
class Snapshot {
 public:
  Snapshot(uint64_t oldest, const std::string& token_variable) {
    procfs::ForEachPid([&](pid_t pid) {
      std::optional<procfs::Stat> stat = procfs::ReadStat(pid);
      if (!stat || stat->start_ticks < oldest) return;
      const size_t index = processes_.size();
      by_pid_.emplace(pid, index);
      by_parent_.emplace(stat->parent, index);
      by_session_.emplace(stat->session, index);
      const std::optional<std::string> environment = procfs::ReadEnvironment(*stat);
      if (!environment) {
        unclear_.push_back(index);
      } else if (const auto token = procfs::FindVariable(*environment, token_variable)) {
        by_token_.emplace(std::string(*token), index);
      }
      processes_.push_back(std::move(*stat));
    });
  }

  // Some process may be a member and could not be told by its token. `tree.root` is none of them.
  bool Unclear(const Tree& tree) const {
    return std::any_of(unclear_.begin(), unclear_.end(), [&](size_t index) {
      return processes_[index].start_ticks >= tree.start_ticks && processes_[index].pid != tree.root;
    });
  }

  // The living members of `tree`, without its root.
  std::vector<const procfs::Stat*> MembersOf(const Tree& tree) const {
    std::set<size_t> members;
    std::vector<size_t> parents;
    const auto add = [&](const auto& range) {
      for (auto at = range.first; at != range.second; ++at) {
        const procfs::Stat& process = processes_[at->second];
        if (process.pid == tree.root || process.start_ticks < tree.start_ticks) continue;
        if (members.insert(at->second).second) parents.push_back(at->second);
      }
    };
    add(by_parent_.equal_range(tree.root));
    add(by_session_.equal_range(tree.root));
    if (!tree.token.empty()) add(by_token_.equal_range(tree.token));
    for (const auto& [pid, start_ticks] : tree.members) {
      const auto found = by_pid_.find(pid);
      if (found == by_pid_.end() || processes_[found->second].start_ticks != start_ticks) continue;
      if (members.insert(found->second).second) parents.push_back(found->second);
    }
    while (!parents.empty()) {
      const pid_t parent = processes_[parents.back()].pid;
      parents.pop_back();
      add(by_parent_.equal_range(parent));
    }
    std::vector<const procfs::Stat*> living;
    for (const size_t index : members) {
      if (!processes_[index].dead()) living.push_back(&processes_[index]);
    }
    return living;
  }

 private:
  std::vector<procfs::Stat> processes_;
  std::vector<size_t> unclear_;
  std::unordered_map<pid_t, size_t> by_pid_;
  std::unordered_multimap<pid_t, size_t> by_parent_;
  std::unordered_multimap<pid_t, size_t> by_session_;
  std::unordered_multimap<std::string, size_t> by_token_;
};

// Orphans go to somebody else, so each look is a walk over /proc, shared by the trees of one batch.
class WalkTracker : public TreeTracker {
 public:
  explicit WalkTracker(std::string token_variable) : token_variable_(std::move(token_variable)) {}

  bool Prepare(Tree& tree) override {
    MutexLock lock(mutex_);
    starts_.insert(tree.start_ticks);
    return true;
  }
  void Started(Tree&) override {}
  void Abandon(Tree& tree) override { Release(tree); }

  // A snapshot that is older than the end of a root would miss its last forks.
  void BeginBatch() override { snapshot_.reset(); }

  void Remember(Tree& tree) override {
    for (const procfs::Stat* member : Look().MembersOf(tree))
      tree.members.emplace(member->pid, member->start_ticks);
  }

  void Kill(Tree& tree) override {
    Remember(tree);
    const std::vector<const procfs::Stat*> members = Look().MembersOf(tree);
    KillRootGroup(tree);
    for (const procfs::Stat* member : members) procfs::KillExactly(member->pid, member->start_ticks);
  }

  Sweep SweepLeftovers(Tree& tree) override {
    const std::vector<const procfs::Stat*> members = Look().MembersOf(tree);
    Sweep sweep{.gone = members.empty()};
    if (Look().Unclear(tree) && tree.doubts++ < kMostDoubts) sweep.gone = false;
    for (const procfs::Stat* member : members) {
      if (!procfs::KillExactly(member->pid, member->start_ticks)) continue;
      if (tree.doomed.insert(member->pid).second) ++sweep.killed;
    }
    return sweep;
  }

  void Release(Tree& tree) override {
    MutexLock lock(mutex_);
    starts_.erase(starts_.find(tree.start_ticks));
  }
  std::string Describe() const override { return "/proc walk"; }

 private:
  const Snapshot& Look() {
    if (!snapshot_) {
      uint64_t oldest = 0;
      {
        MutexLock lock(mutex_);
        if (!starts_.empty()) oldest = *starts_.begin();
      }
      snapshot_.emplace(oldest, token_variable_);
    }
    return *snapshot_;
  }

  const std::string token_variable_;
  std::optional<Snapshot> snapshot_;  // the loop's thread alone

  Mutex mutex_;                                              // taken last
  std::multiset<uint64_t> starts_ COVEY_GUARDED_BY(mutex_);  // start_ticks of the trees
};

}  // namespace

std::unique_ptr<TreeTracker> MakeWalkTracker(std::string token_variable) {
  return std::make_unique<WalkTracker>(std::move(token_variable));
}

}  // namespace covey
