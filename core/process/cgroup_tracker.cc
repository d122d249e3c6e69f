#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "core/process/adopting_tracker.h"
#include "core/process/tree_tracker.h"

namespace covey {
namespace {

// Membership is the kernel's: nothing leaves a cgroup by setsid, by a double fork or by a new environment. Who
// may write to the cgroup file system (root) can move itself to another one. Its root is known by its pidfd;
// the rest, where orphans are adopted, by descent, session or token.
class CgroupTracker : public TreeTracker {
 public:
  CgroupTracker(std::unique_ptr<CgroupPool> pool, bool adopts, std::string token_variable)
      : pool_(std::move(pool)) {
    // As pid 1 of a container we also get the orphans of what others start in it (`docker exec`).
    const auto unowned =
        ::getpid() == 1 ? AdoptingTracker::Unowned::kLeave : AdoptingTracker::Unowned::kSuspect;
    // Without a log: what has shed everything is no news where cgroups hold it.
    if (adopts) movers_.emplace(std::move(token_variable), unowned, "", nullptr);
  }

  bool Prepare(Tree& tree) override {
    tree.cgroup = pool_->Acquire();
    return tree.cgroup != nullptr && (!movers_ || movers_->Prepare(tree));
  }
  void Started(Tree& tree) override {
    if (movers_) movers_->Started(tree);
  }
  void Abandon(Tree& tree) override {
    if (movers_) movers_->Abandon(tree);
    pool_->Release(std::move(tree.cgroup));
  }

  bool Stop(Tree& tree, int signal) override {
    if (movers_) movers_->Remember(tree);
    std::vector<int> members = tree.cgroup->Members();
    if (!StopRootGroup(tree, signal)) return false;
    SignalMembers others(std::vector<int>{signal, SIGCONT});
    others.Skip(tree.root);
    others.Send(members, [&tree](const std::vector<pid_t>&) { return tree.cgroup->Members(); });
    // Only those outside the cgroup: the others have been told.
    for (const int member : members) tree.members.erase(member);
    AdoptingTracker::SignalKnown(tree, &others);
    return true;
  }

  bool Kill(Tree& tree) override {
    // The root may have moved itself.
    bool complete = true;
    if (movers_) {
      complete = movers_->Kill(tree);
    } else {
      KillRootGroup(tree);
    }
    return tree.cgroup->Kill() && complete;
  }

  Sweep SweepLeftovers(Tree& tree, Leftovers leftovers) override {
    Sweep sweep;
    sweep.gone = tree.cgroup->Empty();
    if (!sweep.gone && leftovers == Leftovers::kKill) {
      // The root itself may be counted for a moment more; it is no leftover.
      for (const int pid : tree.cgroup->Members()) {
        if (pid != tree.root && tree.doomed.insert(pid).second) ++sweep.killed;
      }
      tree.cgroup->Kill();
    }
    if (movers_) {
      const Sweep outside = movers_->SweepLeftovers(tree, leftovers);
      sweep.gone = sweep.gone && outside.gone;
      sweep.killed += outside.killed;
    }
    return sweep;
  }

  void Release(Tree& tree) override {
    pool_->Release(std::move(tree.cgroup));
    if (movers_) movers_->Release(tree);
  }

  bool NeedsTidying() const override { return movers_.has_value(); }
  void Tidy() override { movers_->Tidy(); }
  void Finish() override {
    if (movers_) movers_->Finish();
  }

  std::string Describe() const override { return "cgroup v2 (" + pool_->path() + ")"; }

 private:
  const std::unique_ptr<CgroupPool> pool_;
  std::optional<AdoptingTracker> movers_;  // knows those outside their cgroup too
};

}  // namespace

std::unique_ptr<TreeTracker> MakeCgroupTracker(std::unique_ptr<CgroupPool> pool, bool adopts,
                                               std::string token_variable) {
  return std::make_unique<CgroupTracker>(std::move(pool), adopts, std::move(token_variable));
}

}  // namespace covey
