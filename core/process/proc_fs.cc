#include "core/process/proc_fs.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/auxvec.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "core/base/unique_fd.h"
#include "core/process/shortage.h"

namespace covey::procfs {
namespace {

constexpr unsigned kKernelThread = 0x00200000;  // PF_KTHREAD of the kernel's include/linux/sched.h

// What getdents64(2) returns.
struct Entry {
  uint64_t inode;
  int64_t offset;
  uint16_t length;
  uint8_t type;
  char name[1];
};

// After a call that failed.
void NoteFailure(Missed* missed) {
  if (missed != nullptr && IsShortage(errno)) missed->any = true;
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

// Calls `each` with every entry of `path` that is a number.
template <typename Each>
void ForEachNumber(const char* path, Missed* missed, Each each) {
  Directory directory(::opendir(path));
  if (directory == nullptr) return NoteFailure(missed);
  while (const dirent* entry = ::readdir(directory.get())) {
    char* end = nullptr;
    const long number = std::strtol(entry->d_name, &end, 10);
    if (end != entry->d_name && *end == '\0') each(static_cast<pid_t>(number));
  }
}

void AppendNumbers(const std::string& text, std::vector<pid_t>* out) {
  const char* at = text.c_str();
  for (;;) {
    char* end = nullptr;
    const long number = std::strtol(at, &end, 10);
    if (end == at) return;
    out->push_back(static_cast<pid_t>(number));
    at = end;
  }
}

std::string ReadRest(const UniqueFd& fd, Missed* missed) {
  std::string text;
  char buffer[4096];
  ssize_t n = 0;
  while ((n = ::read(fd.get(), buffer, sizeof buffer)) > 0) text.append(buffer, static_cast<size_t>(n));
  if (n < 0) NoteFailure(missed);
  return text;
}

// An environment that is empty, and not about to be filled in by execve: what the kernel puts behind it on
// the stack, the path of the program (AT_EXECFN of getauxval(3)), begins where the environment does.
bool WasGivenNone(const Stat& process, Missed* missed) {
  struct AuxEntry {
    uint64_t type;
    uint64_t value;
  };
  char path[40];
  std::snprintf(path, sizeof path, "/proc/%d/auxv", static_cast<int>(process.pid));
  const std::string text = ReadFile(path, missed);
  for (size_t at = 0; at + sizeof(AuxEntry) <= text.size(); at += sizeof(AuxEntry)) {
    AuxEntry entry{};
    std::memcpy(&entry, text.data() + at, sizeof entry);
    if (entry.type == AT_EXECFN) return entry.value == process.environment_end;
  }
  // Of another word size: filling in is work, or a wait for a page.
  return process.state != 'R' && process.state != 'D';
}

}  // namespace

std::string ReadFile(const char* path, Missed* missed) {
  const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (fd) return ReadRest(fd, missed);
  NoteFailure(missed);
  return {};
}

namespace {

std::optional<Stat> ParseStat(pid_t pid, const std::string& text) {
  // The name is in parentheses and may itself hold parentheses and spaces: its end is the last one.
  const size_t open = text.find('(');
  const size_t close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open) return std::nullopt;
  Stat stat;
  stat.pid = pid;
  stat.name = text.substr(open + 1, close - open - 1);
  int parent = 0, group = 0, session = 0, threads = 0;
  unsigned flags = 0;
  unsigned long long start = 0, environment_begin = 0, environment_end = 0;
  // Fields 3 to 51 of proc(5).
  const int fields = std::sscanf(
      text.c_str() + close + 1,
      " %c %d %d %d %*s %*s %u %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %d %*s %llu %*s %*s %*s "
      "%*s %*s %*s %*s %*s "
      "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %llu",
      &stat.state, &parent, &group, &session, &flags, &threads, &start, &environment_begin, &environment_end);
  if (fields != 9 || (flags & kKernelThread) != 0) return std::nullopt;
  stat.parent = parent;
  stat.session = session;
  stat.threads = threads;
  stat.start_ticks = start;
  stat.has_memory = environment_end != 0;
  if (stat.has_memory) stat.environment_size = environment_end - environment_begin;
  stat.environment_end = environment_end;
  return stat;
}

}  // namespace

std::optional<Stat> ReadStat(pid_t pid, Missed* missed) {
  char path[40];
  std::snprintf(path, sizeof path, "/proc/%d/stat", static_cast<int>(pid));
  return ParseStat(pid, ReadFile(path, missed));
}

std::optional<Stat> ReadSelf() { return ParseStat(::getpid(), ReadFile("/proc/self/stat")); }

bool IsOfOurNamespace() {
  char name[32];
  const ssize_t n = ::readlink("/proc/self", name, sizeof name);
  return n > 0 && std::string_view(name, static_cast<size_t>(n)) == std::to_string(::getpid());
}

void ForEachPid(const std::function<void(pid_t)>& each, Missed* missed) {
  const UniqueFd proc(::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!proc) return NoteFailure(missed);
  // Not readdir(3), which reads many entries ahead. This holds one or two.
  alignas(Entry) char buffer[64];
  for (;;) {
    const long size = ::syscall(SYS_getdents64, proc.get(), buffer, sizeof buffer);
    if (size <= 0) return;
    for (long at = 0; at < size;) {
      const Entry* entry = reinterpret_cast<const Entry*>(buffer + at);
      at += entry->length;
      char* end = nullptr;
      const long pid = std::strtol(entry->name, &end, 10);
      if (end != entry->name && *end == '\0') each(static_cast<pid_t>(pid));
    }
  }
}

std::vector<pid_t> ChildrenOf(pid_t pid, Missed* missed) {
  std::vector<pid_t> children;
  // Kernels built without CONFIG_PROC_CHILDREN lack the file; there the parents have to be asked for.
  static const bool has_children_file = ::access("/proc/thread-self/children", R_OK) == 0;
  if (!has_children_file) {
    const auto add = [&](pid_t other) {
      const std::optional<Stat> stat = ReadStat(other, missed);
      if (stat && stat->parent == pid) children.push_back(other);
    };
    ForEachPid(add, missed);
    return children;
  }
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/task", static_cast<int>(pid));
  ForEachNumber(path, missed, [&](pid_t thread) {
    std::snprintf(path, sizeof path, "/proc/%d/task/%d/children", static_cast<int>(pid),
                  static_cast<int>(thread));
    AppendNumbers(ReadFile(path, missed), &children);
  });
  return children;
}

std::optional<std::string> ReadEnvironment(const Stat& process, Missed* missed) {
  char path[40];
  std::snprintf(path, sizeof path, "/proc/%d/environ", static_cast<int>(process.pid));
  // The file is that of the program at the moment of open. When the process executes another one before all
  // was read, the rest of the file is empty: so it is complete when it is as long as the process says.
  std::optional<Stat> stat = process;
  constexpr int kMostTries = 20;
  for (int tries = 0; tries < kMostTries; ++tries) {
    const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
    if (!fd && !IsShortage(errno)) return "";
    Missed now{.any = !fd};
    std::string environment = fd ? ReadRest(fd, &now) : "";
    if (!environment.empty() && environment.size() == stat->environment_size) return environment;
    if (!now.any) stat = ReadStat(process.pid, &now);
    if (now.any) {
      if (missed != nullptr) missed->any = true;
      return std::nullopt;
    }
    if (!stat || stat->dead()) return environment;
    if (!stat->has_memory) return std::nullopt;
    if (stat->environment_size == 0 && environment.empty() && WasGivenNone(*stat, &now)) return environment;
  }
  return std::nullopt;
}

std::optional<std::string_view> FindVariable(std::string_view environment, std::string_view name) {
  while (!environment.empty()) {
    const std::string_view entry = environment.substr(0, environment.find('\0'));
    if (entry.size() > name.size() && entry[name.size()] == '=' && entry.starts_with(name)) {
      return entry.substr(name.size() + 1);
    }
    environment.remove_prefix(std::min(entry.size() + 1, environment.size()));
  }
  return std::nullopt;
}

uint64_t NowTicks() {
  static const uint64_t ticks_per_second = static_cast<uint64_t>(::sysconf(_SC_CLK_TCK));
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * ticks_per_second +
         static_cast<uint64_t>(now.tv_nsec) * ticks_per_second / 1'000'000'000;
}

bool KillExactly(pid_t pid, uint64_t start_ticks, Missed* missed) {
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) {
    NoteFailure(missed);
    return false;
  }
  // The pidfd pins whoever has the pid now; only then is it worth asking who that is.
  const std::optional<Stat> now = ReadStat(pid, missed);
  if (!now || now->dead() || now->start_ticks != start_ticks) return false;
  return ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0) == 0;
}

}  // namespace covey::procfs
