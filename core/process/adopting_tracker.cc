#include "core/process/adopting_tracker.h"

#include <errno.h>
#include <signal.h>

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace covey {
namespace {

// False when that is certain, which no lack of descriptors can feign.
bool MayBeThere(pid_t pid) { return ::kill(pid, 0) == 0 || errno != ESRCH; }

}  // namespace

AdoptingTracker::AdoptingTracker(std::string token_variable, Log log)
    : token_variable_(std::move(token_variable)), log_(std::move(log)) {}

bool AdoptingTracker::Prepare(Tree& tree) {
  MutexLock lock(mutex_);
  trees_[tree.id] = tree.start_ticks;
  if (!tree.token.empty()) by_token_[tree.token] = tree.id;
  return true;
}

void AdoptingTracker::Started(Tree& tree) {
  MutexLock lock(mutex_);
  by_root_[tree.root] = tree.id;
}

void AdoptingTracker::Abandon(Tree& tree) { Forget(tree); }

void AdoptingTracker::Remember(Tree& tree) { RememberBelow(tree, tree.root); }

void AdoptingTracker::Kill(Tree& tree) {
  RememberBelow(tree, tree.root);
  KillRootGroup(tree);
  KillMembers(tree);
}

TreeTracker::Sweep AdoptingTracker::SweepLeftovers(Tree& tree) {
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

void AdoptingTracker::Release(Tree& tree) {
  for (const auto& [pid, start_ticks] : tree.members) {
    const auto found = known_.find(pid);
    if (found != known_.end() && found->second.owner == tree.id) known_.erase(found);
  }
  Forget(tree);
}

void AdoptingTracker::Tidy() {
  LookAtOrphans();
  std::set<pid_t> orphans;
  for (const procfs::Stat& orphan : orphans_) orphans.insert(orphan.pid);
  // One with an owner that is no orphan is a member of a tree that is being stopped, or has ended.
  std::erase_if(known_, [&](const auto& entry) {
    return !orphans.contains(entry.first) && (entry.second.owner == 0 || !MayBeThere(entry.first));
  });
}

void AdoptingTracker::Finish() {
  Tidy();
  adopted_.ReapRest();
}

void AdoptingTracker::Forget(Tree& tree) {
  MutexLock lock(mutex_);
  trees_.erase(tree.id);
  // The root is reaped already: another tree may have got its pid.
  const auto by_root = by_root_.find(tree.root);
  if (by_root != by_root_.end() && by_root->second == tree.id) by_root_.erase(by_root);
  const auto by_token = by_token_.find(tree.token);
  if (by_token != by_token_.end() && by_token->second == tree.id) by_token_.erase(by_token);
}

void AdoptingTracker::Report(const procfs::Stat& orphan) const {
  if (!log_) return;
  log_("process " + std::to_string(orphan.pid) + " (" + orphan.name +
       ") left its session and dropped its token; killed, as every task that could own it has ended");
}

void AdoptingTracker::RememberBelow(Tree& tree, pid_t from) {
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

uint32_t AdoptingTracker::KillMembers(Tree& tree) {
  uint32_t killed = 0;
  for (const auto& [pid, start_ticks] : tree.members) {
    if (procfs::KillExactly(pid, start_ticks) && tree.doomed.insert(pid).second) ++killed;
  }
  return killed;
}

void AdoptingTracker::LookAtOrphans() {
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

void AdoptingTracker::FindOwner(const procfs::Stat& orphan, Known* known) const {
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

std::unique_ptr<TreeTracker> MakeAdoptingTracker(std::string token_variable, TreeTracker::Log log) {
  return std::make_unique<AdoptingTracker>(std::move(token_variable), std::move(log));
}

}  // namespace covey
