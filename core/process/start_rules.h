#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "core/process/account.h"
#include "core/process/process.h"

namespace covey {

// What this program may give to its children. Asked when a process is submitted, so that a bad wish is
// refused, and again before it is started, for then it may be another program on another machine.
//
// Constant after construction.
class StartRules {
 public:
  // `controllers`: of the cgroups that trees are put in; `mechanism`: for people, why there are no more.
  StartRules(std::vector<std::string> controllers, std::string mechanism);

  // Why `spec` cannot be started. Otherwise `account` is who it runs as; nothing: as this program. Blocks for
  // a look-up when MayBlock(spec).
  std::optional<StartProblem> Check(const ProcessSpec& spec, std::optional<Account>* account) const;
  static bool MayBlock(const ProcessSpec& spec) { return !spec.user.empty() || !spec.group.empty(); }

  const std::vector<std::string>& controllers() const { return controllers_; }

 private:
  std::optional<StartProblem> CheckAccount(const ProcessSpec& spec, std::optional<Account>* account) const;
  std::optional<StartProblem> CheckNice(int nice) const;
  std::optional<StartProblem> CheckLimits(const ResourceLimits& limits) const;
  std::optional<StartProblem> CheckCgroup(const ResourceLimits& limits) const;

  const std::vector<std::string> controllers_;
  const std::string mechanism_;
  // As the effective capabilities have it: root in a container may lack them.
  const bool may_change_user_;
  const bool may_lower_nice_;
  const bool may_raise_limits_;
};

}  // namespace covey
