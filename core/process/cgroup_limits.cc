#include "core/process/cgroup_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <sstream>

#include "core/base/unique_fd.h"
#include "core/process/errno_text.h"

namespace covey::cgroup_limits {
namespace {

constexpr uint64_t kCpuPeriodMicros = 100'000;  // the kernel's default

// The length of these files is bounded by the number of controllers and counters of a kernel.
std::string Read(int directory, const char* file) {
  const UniqueFd fd(::openat(directory, file, O_RDONLY | O_CLOEXEC));
  if (!fd) return {};
  char text[4096];
  const ssize_t n = ::read(fd.get(), text, sizeof text);
  return n > 0 ? std::string(text, static_cast<size_t>(n)) : std::string();
}

// 0, or an errno. A control file takes a value in one write.
int Write(int directory, const char* file, std::string_view value) {
  const UniqueFd fd(::openat(directory, file, O_WRONLY | O_CLOEXEC));
  if (!fd) return errno;
  return ::write(fd.get(), value.data(), value.size()) == static_cast<ssize_t>(value.size()) ? 0 : errno;
}

}  // namespace

bool IsWanted(std::string_view controller) {
  return controller == "cpu" || controller == "memory" || controller == "pids";
}

std::vector<std::string> Controllers(int directory, const char* file) {
  std::vector<std::string> names;
  std::istringstream words(Read(directory, file));
  for (std::string name; words >> name;) names.push_back(std::move(name));
  return names;
}

int GiveBelow(int directory, std::string_view controller, bool give) {
  return Write(directory, "cgroup.subtree_control", (give ? "+" : "-") + std::string(controller));
}

std::optional<std::string> Apply(int directory, const ResourceLimits& limits) {
  std::optional<std::string> problem;
  int failed = 0;
  const auto write = [&](const char* file, const std::string& value) {
    if (problem) return;
    if (const int error = Write(directory, file, value); error != 0) {
      problem = "writing " + value + " to " + file + " of its cgroup: " + ErrnoText(error);
      failed = error;
    }
  };
  if (limits.memory != 0) {
    write("memory.max", std::to_string(limits.memory));
    // What is swapped out counts for nothing there. Missing where the kernel counts no swap.
    if (::faccessat(directory, "memory.swap.max", F_OK, 0) == 0) write("memory.swap.max", "0");
    if (::faccessat(directory, "memory.oom.group", F_OK, 0) == 0) write("memory.oom.group", "1");
  }
  if (limits.cpu_milli != 0) {
    write("cpu.max", std::to_string(limits.cpu_milli * kCpuPeriodMicros / 1000) + " " +
                         std::to_string(kCpuPeriodMicros));
  }
  if (limits.pids != 0) write("pids.max", std::to_string(limits.pids));
  if (problem) errno = failed;
  return problem;
}

bool MemoryRanOut(int directory) {
  std::istringstream lines(Read(directory, "memory.events"));
  std::string name;
  for (uint64_t count = 0; lines >> name >> count;) {
    if (name == "oom_kill") return count > 0;
  }
  return false;
}

}  // namespace covey::cgroup_limits
