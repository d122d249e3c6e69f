#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <optional>
#include <utility>

#include "core/process/adopted_orphans.h"
#include "core/process/tree_tracker.h"

namespace covey {
namespace {

// Membership is the kernel's: nothing leaves a cgroup by setsid, by a double fork or by a new environment.
class CgroupTracker : public TreeTracker {
 public:
  CgroupTracker(std::unique_ptr<CgroupPool> pool, bool adopts) : pool_(std::move(pool)) {
    if (adopts) orphans_.emplace();
  }

  bool Prepare(Tree& tree) override {
    tree.cgroup = pool_->Acquire();
    return tree.cgroup != nullptr;
  }
  void Started(Tree&) override {}
  void Abandon(Tree& tree) override { pool_->Release(std::move(tree.cgroup)); }

  void Kill(Tree& tree) override { tree.cgroup->Kill(); }

  Sweep SweepLeftovers(Tree& tree) override {
    Sweep sweep;
    sweep.gone = tree.cgroup->Empty();
    if (sweep.gone) return sweep;
    // The root itself may be counted for a moment more; it is no leftover.
    for (const int pid : tree.cgroup->Members()) {
      if (pid != tree.root && tree.doomed.insert(pid).second) ++sweep.killed;
    }
    tree.cgroup->Kill();
    return sweep;
  }

  void Release(Tree& tree) override {
    pool_->Release(std::move(tree.cgroup));
    if (orphans_ && !tree.doomed.empty()) orphans_->Scan();
  }

  bool NeedsTidying() const override { return orphans_.has_value(); }
  void Tidy() override { orphans_->Scan(); }
  void Finish() override {
    if (orphans_) orphans_->ReapRest();
  }

  std::string Describe() const override { return "cgroup v2 (" + pool_->path() + ")"; }

 private:
  const std::unique_ptr<CgroupPool> pool_;
  std::optional<AdoptedOrphans> orphans_;
};

}  // namespace

std::unique_ptr<TreeTracker> MakeCgroupTracker(std::unique_ptr<CgroupPool> pool, bool adopts) {
  return std::make_unique<CgroupTracker>(std::move(pool), adopts);
}

}  // namespace covey
