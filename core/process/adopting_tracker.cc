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

AdoptingTracker::AdoptingTracker(std::string token_variable, Unowned unowned, const std::string& root_record,
                                 Log log)
    : token_variable_(std::move(token_variable)),
      unowned_(unowned),
      log_(std::move(log)),
      record_(root_record) {}

bool AdoptingTracker::Prepare(Tree& tree) {
  MutexLock lock(mutex_);
  trees_[tree.id] = tree.start_ticks;
  if (!tree.token.empty()) by_token_[tree.token] = tree.id;
  return true;
}

void AdoptingTracker::Started(Tree& tree) {
  record_.Add(tree.id, tree.root, tree.start_ticks);
  MutexLock lock(mutex_);
  by_root_[tree.root] = tree.id;
}

void AdoptingTracker::Abandon(Tree& tree) { Forget(tree); }

bool AdoptingTracker::Remember(Tree& tree) {
  procfs::Missed missed;
  RememberBelow(tree, tree.root, &missed);
  LookAtOrphans(&tree, &missed);
  for (const procfs::Stat& orphan : orphans_) {
    if (!BelongsTo(tree, orphan)) continue;
    tree.members.insert_or_assign(orphan.pid, orphan.start_ticks);
    RememberBelow(tree, orphan.pid, &missed);
  }
  return !missed.any;
}

bool AdoptingTracker::SignalKnown(const Tree& tree, SignalMembers* signal) {
  std::vector<pid_t> members;
  for (const auto& [pid, start_ticks] : tree.members) members.push_back(pid);
  return signal->Send(std::move(members), [&tree](std::vector<pid_t> pids) {
    std::erase_if(pids, [&tree](pid_t pid) {
      const std::optional<procfs::Stat> stat = procfs::ReadStat(pid, nullptr);
      return !stat || stat->start_ticks != tree.members.at(pid);
    });
    return pids;
  });
}

bool AdoptingTracker::Stop(Tree& tree, int signal) {
  Remember(tree);
  if (!StopRootGroup(tree, signal)) return false;
  SignalMembers others(std::vector<int>{signal, SIGCONT});
  others.Skip(tree.root);
  SignalKnown(tree, &others);
  return true;
}

bool AdoptingTracker::Kill(Tree& tree) {
  procfs::Missed missed{.any = !Remember(tree)};
  KillRootGroup(tree);
  KillMembers(tree, &missed);
  return !missed.any;
}

TreeTracker::Sweep AdoptingTracker::SweepLeftovers(Tree& tree, Leftovers leftovers) {
  procfs::Missed missed;
  LookAtOrphans(&tree, &missed);
  Sweep sweep{.gone = true};
  for (const procfs::Stat& orphan : orphans_) {
    Known& known = known_.at(orphan.pid);
    const bool member = BelongsTo(tree, orphan);
    if (known.owner == 0 && known.unclear && known.suspects.contains(tree.id) &&
        tree.doubts++ < kMostDoubts) {
      sweep.gone = false;
    }
    if (!member) continue;
    sweep.gone = false;
    tree.members.insert_or_assign(orphan.pid, orphan.start_ticks);
    RememberBelow(tree, orphan.pid, &missed);
  }
  if (!sweep.gone && leftovers == Leftovers::kKill) sweep.killed = KillMembers(tree, &missed);
  sweep.gone = sweep.gone && !missed.any;
  return sweep;
}

bool AdoptingTracker::BelongsTo(const Tree& tree, const procfs::Stat& orphan) {
  Known& known = known_.at(orphan.pid);
  if (unowned_ == Unowned::kSuspect && known.owner == 0 && known.suspects == std::set<ProcessId>{tree.id}) {
    known.owner = tree.id;
    Report(orphan);
  }
  return known.owner == tree.id;
}

void AdoptingTracker::Release(Tree& tree) {
  for (const auto& [pid, start_ticks] : tree.members) {
    const auto found = known_.find(pid);
    if (found != known_.end() && found->second.owner == tree.id) known_.erase(found);
  }
  Forget(tree);
}

void AdoptingTracker::Tidy() {
  record_.Beat();
  procfs::Missed missed;
  LookAtOrphans(nullptr, &missed);
  // Nobody is forgotten by a look that has not seen everybody.
  if (missed.any) return;
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
  record_.Remove(tree.id);
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
       ") left its session and dropped its token; it goes with the last task that may own it");
}

void AdoptingTracker::RememberBelow(Tree& tree, pid_t from, procfs::Missed* missed) {
  std::set<pid_t> seen = {from};
  std::vector<pid_t> parents = {from};
  while (!parents.empty()) {
    const pid_t parent = parents.back();
    parents.pop_back();
    for (const pid_t child : procfs::ChildrenOf(parent, missed)) {
      const std::optional<procfs::Stat> stat = procfs::ReadStat(child, missed);
      // The pid may have gone to a process that is no child of this parent.
      if (!stat || stat->parent != parent || !seen.insert(child).second) continue;
      tree.members.insert_or_assign(child, stat->start_ticks);
      known_.insert_or_assign(child, Known{.start_ticks = stat->start_ticks, .owner = tree.id});
      parents.push_back(child);
    }
  }
}

uint32_t AdoptingTracker::KillMembers(Tree& tree, procfs::Missed* missed) {
  uint32_t killed = 0;
  for (const auto& [pid, start_ticks] : tree.members) {
    if (procfs::KillExactly(pid, start_ticks, missed) && tree.doomed.insert(pid).second) ++killed;
  }
  return killed;
}

bool AdoptingTracker::BelongsToAnother(const Tree& tree, pid_t pid) {
  const auto found = known_.find(pid);
  if (found == known_.end() || !found->second.orphan) return false;
  const ProcessId owner = found->second.owner;
  if (owner == 0 || owner == tree.id) return false;
  MutexLock lock(mutex_);
  return trees_.contains(owner);
}

void AdoptingTracker::LookAtOrphans(const Tree* tree, procfs::Missed* missed) {
  AdoptedOrphans::Skip skip;
  if (tree != nullptr) skip = [&](pid_t pid) { return BelongsToAnother(*tree, pid); };
  std::vector<pid_t> reaped;
  orphans_ = adopted_.Scan(skip, &reaped, missed);
  for (const pid_t pid : reaped) known_.erase(pid);
  if (orphans_.empty()) return;
  MutexLock lock(mutex_);
  std::map<pid_t, ProcessId> sessions;
  for (const procfs::Stat& orphan : orphans_) {
    Known& known = known_[orphan.pid];
    if (known.start_ticks != orphan.start_ticks) known = Known{.start_ticks = orphan.start_ticks};
    known.orphan = true;
    if (known.owner == 0) FindOwner(orphan, &known, missed);
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
    const bool first_sight = known.suspects.empty() && !known.doomed;
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
    if (!first_sight && unowned_ == Unowned::kSuspect) {
      procfs::Missed now;
      if (procfs::KillExactly(orphan.pid, orphan.start_ticks, &now)) Report(orphan);
      known.doomed = now.any;  // at the next look
      if (now.any) return true;
    }
    known_.erase(orphan.pid);
    return true;
  });
}

void AdoptingTracker::FindOwner(const procfs::Stat& orphan, Known* known, procfs::Missed* missed) const {
  const auto by_root = by_root_.find(orphan.session);
  if (by_root != by_root_.end()) {
    known->owner = by_root->second;
    return;
  }
  const std::optional<std::string> environment = procfs::ReadEnvironment(orphan, missed);
  known->unclear = !environment;
  if (!environment) return;
  const std::optional<std::string_view> token = procfs::FindVariable(*environment, token_variable_);
  const auto by_token = token ? by_token_.find(std::string(*token)) : by_token_.end();
  if (by_token != by_token_.end()) known->owner = by_token->second;
}

std::unique_ptr<TreeTracker> MakeAdoptingTracker(std::string token_variable, const std::string& root_record,
                                                 TreeTracker::Log log) {
  return std::make_unique<AdoptingTracker>(std::move(token_variable), AdoptingTracker::Unowned::kSuspect,
                                           root_record, std::move(log));
}

}  // namespace covey
