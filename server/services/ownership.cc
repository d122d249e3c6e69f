#include "server/services/ownership.h"

#include <optional>
#include <utility>

#include "core/base/mutex.h"

namespace covey {

// Whoever comes second, the group or the end of its owner, cancels it.
class Ownership::Tie {
 public:
  void OnMade(const GroupPtr& group) COVEY_EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      group_ = group;
    }
    CancelIfBoth();
  }
  void OnLost(std::string cause) COVEY_EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      cause_ = std::move(cause);
    }
    CancelIfBoth();
  }

 private:
  void CancelIfBoth() COVEY_EXCLUDES(mutex_) {
    GroupPtr group;
    std::string cause;
    {
      MutexLock lock(mutex_);
      if (group_ == nullptr || !cause_) return;
      group = std::exchange(group_, nullptr);
      cause = *cause_;
    }
    group->Cancel({.kind = FailureKind::kCancelled, .message = std::move(cause)}, nullptr);
  }

  Mutex mutex_;
  GroupPtr group_ COVEY_GUARDED_BY(mutex_);
  std::optional<std::string> cause_ COVEY_GUARDED_BY(mutex_);
};

Ownership::Ownership() : tie_(std::make_shared<Tie>()) {}

Ownership::~Ownership() {
  if (!released_) tie_->OnLost(std::move(cause_));
}

std::function<void(Result<GroupPtr>)> Ownership::Creating(std::function<void(Result<GroupPtr>)> done) const {
  return [tie = tie_, done = std::move(done)](Result<GroupPtr> group) {
    if (group.ok()) tie->OnMade(group.value());
    done(std::move(group));
  };
}

}  // namespace covey
