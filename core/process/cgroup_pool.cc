#include "core/process/cgroup_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "core/base/check.h"
#include "core/base/make_directory.h"
#include "core/process/cgroup_directory.h"
#include "core/process/cgroup_limits.h"
#include "core/process/errno_text.h"

namespace covey {
namespace {

constexpr size_t kMaxFree = 256;
constexpr std::chrono::seconds kRemovalPatience(5);

}  // namespace

Result<std::unique_ptr<CgroupPool>> CgroupPool::Open(const std::string& root, const Log& log) {
  Error why{.code = ErrorCode::kUnimplemented,
            .reason = "NO_CGROUP",
            .message = "no cgroup2 file system is mounted",
            .fields = {}};
  for (const std::string& place :
       root.empty() ? cgroup_place::OwnCgroups() : std::vector<std::string>{root}) {
    cgroup_place::RemoveStale(place, log);
    Result<cgroup_place::Claim> claim = cgroup_place::ClaimBelow(place);
    if (claim.ok()) {
      return std::unique_ptr<CgroupPool>(new CgroupPool(std::move(claim.value()), root.empty(), log));
    }
    why = claim.error();
  }
  return why;
}

CgroupPool::CgroupPool(cgroup_place::Claim claim, bool own, Log log)
    : path_(std::move(claim.path)), directory_(std::move(claim.directory)), own_(own), log_(std::move(log)) {}

CgroupPool::~CgroupPool() {
  {
    MutexLock lock(mutex_);
    free_.clear();
  }
  // Also those that could not be removed when they were released; the kernel may need a moment to see the
  // last process of one as gone.
  const auto deadline = std::chrono::steady_clock::now() + kRemovalPatience;
  while (!cgroup_directory::Remove(AT_FDCWD, path_.c_str()) && std::chrono::steady_clock::now() < deadline) {
    cgroup_directory::Kill(directory_.get());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  // As it was before EnableControllers, as far as others let us: first the controllers, then the program.
  for (const std::string& name : given_) cgroup_limits::GiveBelow(place_.get(), name, false);
}

void CgroupPool::EnableControllers() {
  place_ = cgroup_directory::Open(directory_.get(), "..");
  if (!place_) return;
  for (const std::string& name : cgroup_limits::Controllers(place_.get(), "cgroup.controllers")) {
    if (!cgroup_limits::IsWanted(name)) continue;
    if (const int error = GiveFromPlace(name); error != 0) {
      if (log_) log_("no limits by the cgroup controller " + name + ": " + ErrnoText(error));
      continue;
    }
    if (cgroup_limits::GiveBelow(directory_.get(), name, true) == 0) controllers_.push_back(name);
  }
  std::sort(controllers_.begin(), controllers_.end());
}

int CgroupPool::GiveFromPlace(const std::string& controller) {
  const auto given = cgroup_limits::Controllers(place_.get(), "cgroup.subtree_control");
  if (std::find(given.begin(), given.end(), controller) != given.end()) return 0;
  int error = cgroup_limits::GiveBelow(place_.get(), controller, true);
  if (error == EBUSY && own_ && aside_ == nullptr) {
    aside_ = cgroup_place::MovedAside::From(place_.get());
    if (aside_ != nullptr) error = cgroup_limits::GiveBelow(place_.get(), controller, true);
  }
  if (error == 0) given_.push_back(controller);
  return error;
}

std::unique_ptr<Cgroup> CgroupPool::Acquire() {
  std::string name;
  {
    MutexLock lock(mutex_);
    if (!free_.empty()) {
      std::unique_ptr<Cgroup> cgroup = std::move(free_.back());
      free_.pop_back();
      return cgroup;
    }
    name = std::to_string(made_++);
  }
  if (!MakeDirectoryAt(directory_.get(), name.c_str(), 0755)) return nullptr;
  UniqueFd directory = cgroup_directory::Open(directory_.get(), name.c_str());
  UniqueFd events;
  if (directory) events.Reset(::openat(directory.get(), "cgroup.events", O_RDONLY | O_CLOEXEC));
  if (!events || !events.LeaveStdio()) {
    const int error = errno;
    ::unlinkat(directory_.get(), name.c_str(), AT_REMOVEDIR);
    errno = error;
    return nullptr;
  }
  return std::unique_ptr<Cgroup>(new Cgroup(std::move(name), std::move(directory), std::move(events)));
}

void CgroupPool::Release(std::unique_ptr<Cgroup> cgroup) {
  COVEY_CHECK(cgroup != nullptr);
  if (cgroup->Reusable()) {
    MutexLock lock(mutex_);
    if (free_.size() < kMaxFree) {
      free_.push_back(std::move(cgroup));
      return;
    }
  }
  // What cannot be removed yet goes with the pool.
  cgroup_directory::Remove(directory_.get(), cgroup->name_.c_str());
}

}  // namespace covey
