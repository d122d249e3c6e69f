#include "core/process/adopted_orphans.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>

namespace covey {
namespace {

constexpr int kMostPasses = 1000;

}  // namespace

AdoptedOrphans::AdoptedOrphans() : session_(::getsid(0)) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/task/%d/children", static_cast<int>(::getpid()));
  children_.Reset(::open(path, O_RDONLY | O_CLOEXEC));
  if (!children_.LeaveStdio()) children_.Reset();
}

std::vector<procfs::Stat> AdoptedOrphans::Scan(const Skip& skip, std::vector<pid_t>* reaped,
                                               procfs::Missed* missed) {
  // A child that ends between the two looks at it hands its own children to us, behind the end of the list
  // that was read: only a pass that reaps nobody has seen everybody.
  std::vector<procfs::Stat> living;
  for (int pass = 0; pass < kMostPasses; ++pass) {
    living.clear();
    if (!Pass(skip, &living, reaped, missed)) break;
  }
  return living;
}

bool AdoptedOrphans::Pass(const Skip& skip, std::vector<procfs::Stat>* living, std::vector<pid_t>* reaped,
                          procfs::Missed* missed) {
  std::string text;
  char buffer[4096];
  ssize_t n = 0;
  while ((n = ::pread(children_.get(), buffer, sizeof buffer, static_cast<off_t>(text.size()))) > 0) {
    text.append(buffer, static_cast<size_t>(n));
  }
  if (n < 0) missed->any = true;
  const size_t reaped_before = reaped->size();
  char* end = nullptr;
  for (const char* at = text.c_str();; at = end) {
    const pid_t pid = static_cast<pid_t>(std::strtol(at, &end, 10));
    if (end == at) return reaped->size() > reaped_before;
    if (skip && skip(pid)) continue;
    const std::optional<procfs::Stat> stat = procfs::ReadStat(pid, missed);
    if (!stat || stat->session == session_) continue;
    if (stat->dead()) {
      if (::waitpid(pid, nullptr, WNOHANG | __WALL) > 0) reaped->push_back(pid);
    } else {
      living->push_back(*stat);
    }
  }
}

void AdoptedOrphans::ReapRest() {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  procfs::Missed missed;
  std::vector<pid_t> reaped;
  while (!Scan(nullptr, &reaped, &missed).empty() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace covey
