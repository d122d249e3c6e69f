#include "core/process/start_rules.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <initializer_list>

namespace covey {
namespace {

bool HasCapabilities(std::initializer_list<unsigned> wanted) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (::syscall(SYS_capget, &header, data) != 0) return false;
  return std::all_of(wanted.begin(), wanted.end(), [&](unsigned capability) {
    return (data[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability)) != 0;
  });
}

// The lowest niceness that a child of ours may have without a capability.
int LowestNice() {
  errno = 0;
  const int own = ::getpriority(PRIO_PROCESS, 0);
  rlimit limit{};
  if (errno != 0 || ::getrlimit(RLIMIT_NICE, &limit) != 0) return 0;
  return std::min(own, 20 - static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 40)));
}

}  // namespace

StartRules::StartRules(std::vector<std::string> controllers, std::string mechanism)
    : controllers_(std::move(controllers)),
      mechanism_(std::move(mechanism)),
      // The last: what runs as another user must be killed in the end.
      may_change_user_(HasCapabilities({CAP_SETUID, CAP_SETGID, CAP_KILL})),
      may_lower_nice_(HasCapabilities({CAP_SYS_NICE})),
      may_raise_limits_(HasCapabilities({CAP_SYS_RESOURCE})) {}

std::optional<StartProblem> StartRules::Check(const ProcessSpec& spec,
                                              std::optional<Account>* account) const {
  account->reset();
  if (MayBlock(spec)) {
    if (auto problem = CheckAccount(spec, account)) return problem;
  }
  if (spec.nice != 0) {
    if (auto problem = CheckNice(spec.nice)) return problem;
  }
  if (auto problem = CheckLimits(spec.limits)) return problem;
  return spec.limits.NeedsCgroup() ? CheckCgroup(spec.limits) : std::nullopt;
}

std::optional<StartProblem> StartRules::CheckAccount(const ProcessSpec& spec,
                                                     std::optional<Account>* account) const {
  Account found;
  if (auto problem = FindAccount(spec.user, spec.group, &found)) return problem;
  if (may_change_user_) {
    *account = std::move(found);
    return std::nullopt;
  }
  // Ourselves is all that is left, and needs no change.
  const bool other_user = found.user != ::geteuid();
  if (!other_user && (spec.group.empty() || found.group == ::getegid())) return std::nullopt;
  return StartProblem{
      .code = ErrorCode::kPermissionDenied,
      .reason = "USER_NOT_ALLOWED",
      .field = other_user ? "user" : "group",
      .description =
          "must be that of the daemon, " + std::to_string(other_user ? ::geteuid() : ::getegid()) +
          ", which may not change it (it is not root, or lacks CAP_SETUID, CAP_SETGID or CAP_KILL), "
          "got " +
          (other_user && !spec.user.empty() ? spec.user : spec.group)};
}

std::optional<StartProblem> StartRules::CheckNice(int nice) const {
  const int lowest = LowestNice();
  if (nice >= lowest || may_lower_nice_) return std::nullopt;
  return StartProblem{.code = ErrorCode::kPermissionDenied,
                      .reason = "NICE_NOT_ALLOWED",
                      .field = "nice",
                      .description = "must be " + std::to_string(lowest) +
                                     "..19 for a daemon that is not root (or lacks CAP_SYS_NICE), got " +
                                     std::to_string(nice)};
}

std::optional<StartProblem> StartRules::CheckLimits(const ResourceLimits& limits) const {
  if (may_raise_limits_) return std::nullopt;
  std::optional<StartProblem> problem;
  const auto check = [&problem](const char* field, int resource, uint64_t value) {
    rlimit own{};
    if (value == 0 || ::getrlimit(static_cast<__rlimit_resource>(resource), &own) != 0) return;
    if (problem || value <= own.rlim_max) return;
    problem = {.code = ErrorCode::kPermissionDenied,
               .reason = "LIMIT_NOT_ALLOWED",
               .field = std::string("limits.") + field,
               .description = "must be at most " + std::to_string(own.rlim_max) +
                              ", the daemon's own hard limit, which it may not exceed without "
                              "CAP_SYS_RESOURCE, got " +
                              std::to_string(value)};
  };
  const int64_t cpu_seconds = std::chrono::ceil<std::chrono::seconds>(limits.cpu_time).count();
  check("open_files", RLIMIT_NOFILE, limits.open_files);
  check("address_space", RLIMIT_AS, limits.address_space);
  check("cpu_time", RLIMIT_CPU, cpu_seconds == 0 ? 0 : static_cast<uint64_t>(cpu_seconds) + 1);
  check("core_size", RLIMIT_CORE, limits.core_size.value_or(0));
  return problem;
}

std::optional<StartProblem> StartRules::CheckCgroup(const ResourceLimits& limits) const {
  std::optional<StartProblem> problem;
  const auto check = [&](const char* field, const char* controller, bool wanted) {
    if (problem || !wanted) return;
    if (std::find(controllers_.begin(), controllers_.end(), controller) != controllers_.end()) return;
    std::string usable;
    for (const std::string& name : controllers_) usable += (usable.empty() ? "" : ", ") + name;
    problem = {.code = ErrorCode::kFailedPrecondition,
               .reason = "CGROUP_CONTROLLER_MISSING",
               .field = std::string("limits.") + field,
               .description = std::string("needs the cgroup controller ") + controller +
                              ", which this daemon does not have; it has " +
                              (usable.empty() ? "none" : usable) + "; processes are kept by " + mechanism_};
  };
  check("memory", "memory", limits.memory != 0);
  check("cpu_milli", "cpu", limits.cpu_milli != 0);
  check("pids", "pids", limits.pids != 0);
  return problem;
}

}  // namespace covey
