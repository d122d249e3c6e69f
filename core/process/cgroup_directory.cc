#include "core/process/cgroup_directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <sstream>

#include "core/process/signal_members.h"

namespace covey::cgroup_directory {
namespace {

void AppendMembers(int directory, std::vector<int>* out) {
  const UniqueFd procs(::openat(directory, "cgroup.procs", O_RDONLY | O_CLOEXEC));
  std::string text;
  char buffer[4096];
  for (ssize_t n; procs && (n = ::read(procs.get(), buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<size_t>(n));
  }
  std::istringstream lines(text);
  // 0 stands for a process of another pid namespace, which cannot be signalled by number.
  for (int pid; lines >> pid;) {
    if (pid > 0) out->push_back(pid);
  }
  for (const std::string& name : Below(directory)) {
    const UniqueFd below = Open(directory, name.c_str());
    if (below) AppendMembers(below.get(), out);
  }
}

}  // namespace

UniqueFd Open(int at, const char* name) {
  UniqueFd fd(::openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.LeaveStdio()) fd.Reset();
  return fd;
}

std::vector<std::string> Below(int directory) {
  std::vector<std::string> names;
  // A fresh open: the offset of a directory is shared by duplicates of its descriptor.
  const int fd = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return names;
  DIR* stream = ::fdopendir(fd);
  if (stream == nullptr) {
    ::close(fd);
    return names;
  }
  while (const dirent* entry = ::readdir(stream)) {
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  ::closedir(stream);
  return names;
}

bool HasFlag(int events, std::string_view line) {
  char text[256];
  const ssize_t n = ::pread(events, text, sizeof text, 0);
  return n > 0 && std::string_view(text, static_cast<size_t>(n)).find(line) != std::string_view::npos;
}

bool Populated(int directory) {
  const UniqueFd events(::openat(directory, "cgroup.events", O_RDONLY | O_CLOEXEC));
  return events && HasFlag(events.get(), "populated 1");
}

std::vector<int> Members(int directory) {
  std::vector<int> members;
  AppendMembers(directory, &members);
  return members;
}

bool Kill(int directory) {
  const UniqueFd kill(::openat(directory, "cgroup.kill", O_WRONLY | O_CLOEXEC));
  if (kill && ::write(kill.get(), "1", 1) == 1) return true;
  if (!kill && errno != ENOENT) return false;
  return SignalMembers(std::vector<int>{SIGKILL})
      .Send(Members(directory), [directory](const std::vector<pid_t>&) { return Members(directory); });
}

bool Remove(int at, const char* name) {
  if (::unlinkat(at, name, AT_REMOVEDIR) == 0 || errno == ENOENT) return true;
  const UniqueFd directory = Open(at, name);
  if (!directory) return false;
  for (const std::string& below : Below(directory.get())) Remove(directory.get(), below.c_str());
  return ::unlinkat(at, name, AT_REMOVEDIR) == 0;
}

}  // namespace covey::cgroup_directory
