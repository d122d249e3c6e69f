#include "server/daemon/open_files.h"

#include <dirent.h>
#include <string.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <memory>

#include "core/base/plural.h"
#include "core/process/supervisor.h"

namespace covey::open_files {
namespace {

constexpr rlim_t kMostKept = 512;
constexpr rlim_t kFewestKept = 16;
constexpr size_t kMostForConnections = 64;
constexpr size_t kFewestForConnections = 10;
constexpr const char* kRemedy = " (LimitNOFILE= of the unit, --ulimit nofile= of docker, ulimit -n)";

// Descriptors below which connections are accepted.
size_t Shared(rlim_t limit) {
  limit = std::min<rlim_t>(limit, std::numeric_limits<int>::max());
  return static_cast<size_t>(limit) - static_cast<size_t>(KeptFromConnections(limit));
}

size_t ForConnections(rlim_t limit) {
  return std::clamp(Shared(limit) / 8, kFewestForConnections, kMostForConnections);
}

}  // namespace

Status Raise() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return Status::Ok();
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return Status::Ok();
  return Status::Error(std::string("cannot raise the limit of open files: ") + strerror(errno));
}

rlim_t Limit() {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : RLIM_INFINITY;
}

size_t OpenNow() {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir("/proc/self/fd"), &closedir);
  size_t count = 0;
  // Without the two names of directories and the descriptor of this one.
  while (directory != nullptr && readdir(directory.get()) != nullptr) ++count;
  return count < 3 ? 0 : count - 3;
}

int KeptFromConnections(rlim_t limit) {
  return static_cast<int>(std::clamp(limit / 8, kFewestKept, kMostKept));
}

size_t ProcessesAtOnce(rlim_t limit, size_t open) {
  const size_t taken = open + ForConnections(limit);
  return taken >= Shared(limit) ? 0 : (Shared(limit) - taken) / ProcessSupervisor::kDescriptorsEach;
}

std::string TooFew(rlim_t limit, size_t open) {
  rlim_t enough = limit;
  while (ProcessesAtOnce(enough, open) == 0) ++enough;
  return "the limit of open files is " + std::to_string(limit) + ", and must be at least " +
         std::to_string(enough) + " for a connection and a task" + kRemedy;
}

std::string FewerThanSlots(rlim_t limit, size_t processes, const std::vector<PoolConfig>& pools) {
  uint64_t slots = 0;
  for (const PoolConfig& pool : pools) slots += pool.max;
  if (slots <= processes) return {};
  return "the pools have " + Plural(slots, "slot") + ", and the limit of open files, " +
         std::to_string(limit) + ", is enough for " + Plural(processes, "process", "processes") +
         " at once: more will wait" + kRemedy;
}

}  // namespace covey::open_files
