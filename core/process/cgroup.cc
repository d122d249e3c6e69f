#include "core/process/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <sstream>
#include <thread>

#include "core/base/check.h"
#include "core/base/make_directory.h"
#include "core/process/cgroup_limits.h"
#include "core/process/errno_text.h"
#include "core/process/proc_fs.h"

namespace covey {
namespace {

constexpr std::string_view kPrefix = "covey-";
constexpr std::string_view kAsidePrefix = "coveyd-";
constexpr size_t kMaxFree = 256;
constexpr std::chrono::seconds kStalePatience(5);

UniqueFd OpenDirectory(int at, const char* name) {
  UniqueFd fd(::openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.LeaveStdio()) fd.Reset();
  return fd;
}

std::vector<std::string> Subdirectories(int directory) {
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
  // Unreadable means removed, and only empty cgroups can be removed.
  return n > 0 && std::string_view(text, static_cast<size_t>(n)).find(line) != std::string_view::npos;
}

bool Populated(int directory) {
  UniqueFd events(::openat(directory, "cgroup.events", O_RDONLY | O_CLOEXEC));
  return events && HasFlag(events.get(), "populated 1");
}

void AppendMembers(int directory, std::vector<int>* out) {
  UniqueFd procs(::openat(directory, "cgroup.procs", O_RDONLY | O_CLOEXEC));
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
  for (const std::string& name : Subdirectories(directory)) {
    const UniqueFd below = OpenDirectory(directory, name.c_str());
    if (below) AppendMembers(below.get(), out);
  }
}

void KillBelow(int directory) {
  UniqueFd kill(::openat(directory, "cgroup.kill", O_WRONLY | O_CLOEXEC));
  if (kill && ::write(kill.get(), "1", 1) == 1) return;
  std::vector<int> members;
  AppendMembers(directory, &members);
  for (const int pid : members) ::kill(pid, SIGKILL);
}

bool RemoveTree(int at, const char* name) {
  if (::unlinkat(at, name, AT_REMOVEDIR) == 0 || errno == ENOENT) return true;
  const UniqueFd directory = OpenDirectory(at, name);
  if (!directory) return false;
  for (const std::string& below : Subdirectories(directory.get())) RemoveTree(directory.get(), below.c_str());
  return ::unlinkat(at, name, AT_REMOVEDIR) == 0;
}

// Ends and removes what pools left behind whose process is dead.
void RemoveStale(const std::string& parent, const CgroupPool::Log& log) {
  const UniqueFd at = OpenDirectory(AT_FDCWD, parent.c_str());
  if (!at) return;
  for (const std::string& name : Subdirectories(at.get())) {
    // One that a program had moved into can be removed once nothing is in it.
    if (name.starts_with(kAsidePrefix)) ::unlinkat(at.get(), name.c_str(), AT_REMOVEDIR);
    if (!name.starts_with(kPrefix)) continue;
    const UniqueFd directory = OpenDirectory(at.get(), name.c_str());
    if (!directory || ::flock(directory.get(), LOCK_EX | LOCK_NB) != 0) continue;
    std::vector<int> members;
    AppendMembers(directory.get(), &members);
    const auto deadline = std::chrono::steady_clock::now() + kStalePatience;
    while (Populated(directory.get()) && std::chrono::steady_clock::now() < deadline) {
      KillBelow(directory.get());
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    const bool removed = RemoveTree(at.get(), name.c_str());
    if (log && !removed) log("cgroup " + parent + "/" + name + " of a dead owner cannot be removed");
    if (log && removed && !members.empty()) {
      log("killed " + std::to_string(members.size()) + " processes that a dead owner left in cgroup " +
          parent + "/" + name);
    }
  }
}

// Undoes the octal escapes of /proc/self/mountinfo.
std::string Unescape(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out += static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// Where our own cgroup can be seen, in every cgroup2 mount (one at /sys/fs/cgroup, or, beside version 1,
// at /sys/fs/cgroup/unified).
std::vector<std::string> OwnCgroups() {
  std::string own;
  std::istringstream memberships(procfs::ReadFile("/proc/self/cgroup"));
  for (std::string line; std::getline(memberships, line);) {
    if (line.starts_with("0::")) own = line.substr(3);
  }
  std::vector<std::string> found;
  if (own.empty()) return found;
  std::istringstream mounts(procfs::ReadFile("/proc/self/mountinfo"));
  for (std::string line; std::getline(mounts, line);) {
    const size_t dash = line.find(" - ");
    if (dash == std::string::npos || !std::string_view(line).substr(dash + 3).starts_with("cgroup2 "))
      continue;
    std::istringstream fields(line);
    std::string id, parent, device, root, point;
    fields >> id >> parent >> device >> root >> point;
    // `root` is the part of the hierarchy that is mounted here; ours must lie in it.
    std::string path = own;
    if (root != "/") {
      if (!path.starts_with(root)) continue;
      path.erase(0, root.size());
    }
    found.push_back(Unescape(point) + (path == "/" ? "" : path));
  }
  return found;
}

}  // namespace

bool Cgroup::Empty() const { return !HasFlag(events_.get(), "populated 1"); }

std::vector<int> Cgroup::Members() const {
  std::vector<int> members;
  AppendMembers(directory_.get(), &members);
  return members;
}

void Cgroup::Kill() const {
  killed_ = true;
  KillBelow(directory_.get());
}

std::optional<std::string> Cgroup::Limit(const ResourceLimits& limits) const {
  limited_ = true;
  return cgroup_limits::Apply(directory_.get(), limits);
}

bool Cgroup::MemoryRanOut() const { return cgroup_limits::MemoryRanOut(directory_.get()); }

UniqueFd Cgroup::OpenProcs() const {
  UniqueFd fd(::openat(directory_.get(), "cgroup.procs", O_WRONLY | O_CLOEXEC));
  if (!fd.LeaveStdio()) fd.Reset();
  return fd;
}

bool Cgroup::Reusable() const {
  struct stat status {};
  // A directory of this file system has one link for each directory in it, and two.
  return !killed_ && !limited_ && ::fstat(directory_.get(), &status) == 0 && status.st_nlink == 2 &&
         HasFlag(events_.get(), "populated 0\nfrozen 0\n");
}

Status CgroupPool::Open(const std::string& root, const Log& log, std::unique_ptr<CgroupPool>* out) {
  static std::atomic<unsigned> count{0};
  const std::vector<std::string> parents = root.empty() ? OwnCgroups() : std::vector<std::string>{root};
  if (parents.empty()) return Status::Error("no cgroup2 file system is mounted");
  std::string why;
  for (const std::string& parent : parents) {
    RemoveStale(parent, log);
    const std::string path = parent + "/" + std::string(kPrefix) + std::to_string(::getpid()) + "-" +
                             std::to_string(count.fetch_add(1));
    if (!MakeDirectory(path, 0755)) {
      why = "cannot make " + path + ": " + ErrnoText(errno);
      continue;
    }
    UniqueFd directory = OpenDirectory(AT_FDCWD, path.c_str());
    // Somebody else's RemoveStale may come between mkdir and flock and take it for stale.
    if (!directory || ::flock(directory.get(), LOCK_EX | LOCK_NB) != 0 || ::access(path.c_str(), F_OK) != 0) {
      why = "cannot lock " + path + ": " + ErrnoText(errno);
      ::rmdir(path.c_str());
      continue;
    }
    if (!UniqueFd(::openat(directory.get(), "cgroup.events", O_RDONLY | O_CLOEXEC))) {
      why = path + " is no cgroup of version 2";
      ::rmdir(path.c_str());
      continue;
    }
    *out = std::unique_ptr<CgroupPool>(new CgroupPool(path, std::move(directory), root.empty(), log));
    return Status::Ok();
  }
  return Status::Error(why);
}

CgroupPool::CgroupPool(std::string path, UniqueFd directory, bool own, Log log)
    : path_(std::move(path)), directory_(std::move(directory)), own_(own), log_(std::move(log)) {}

void CgroupPool::EnableControllers() {
  parent_ = OpenDirectory(directory_.get(), "..");
  if (!parent_) return;
  const auto given = [this](const std::string& name) {
    const auto names = cgroup_limits::Controllers(parent_.get(), "cgroup.subtree_control");
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const std::string& name : cgroup_limits::Controllers(parent_.get(), "cgroup.controllers")) {
    if (!cgroup_limits::IsWanted(name)) continue;
    if (!given(name)) {
      int error = cgroup_limits::GiveBelow(parent_.get(), name, true);
      if (error == EBUSY && MoveAside()) error = cgroup_limits::GiveBelow(parent_.get(), name, true);
      if (error == 0) {
        given_.push_back(name);
      } else {
        if (log_) log_("no limits by the cgroup controller " + name + ": " + ErrnoText(error));
        continue;
      }
    }
    if (cgroup_limits::GiveBelow(directory_.get(), name, true) == 0) controllers_.push_back(name);
  }
  std::sort(controllers_.begin(), controllers_.end());
}

// Into a cgroup of its own, out of the one whose controllers are wanted. False: we are not alone there, or
// may not.
bool CgroupPool::MoveAside() {
  if (!own_ || !aside_.empty()) return false;
  const std::string self = std::to_string(::getpid());
  if (procfs::ReadFile((path_ + "/../cgroup.procs").c_str()) != self + "\n") return false;
  const std::string name = std::string(kAsidePrefix) + self;
  if (!MakeDirectoryAt(parent_.get(), name.c_str(), 0755) && errno != EEXIST) return false;
  const UniqueFd procs(::openat(parent_.get(), (name + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
  if (!procs || ::write(procs.get(), "0", 1) != 1) {
    ::unlinkat(parent_.get(), name.c_str(), AT_REMOVEDIR);
    return false;
  }
  aside_ = name;
  return true;
}

// As it was before EnableControllers, as far as others let us.
void CgroupPool::MoveBack() {
  for (const std::string& name : given_) cgroup_limits::GiveBelow(parent_.get(), name, false);
  if (aside_.empty()) return;
  const UniqueFd procs(::openat(parent_.get(), "cgroup.procs", O_WRONLY | O_CLOEXEC));
  if (procs && ::write(procs.get(), "0", 1) == 1) {
    ::unlinkat(parent_.get(), aside_.c_str(), AT_REMOVEDIR);
  }
}

CgroupPool::~CgroupPool() {
  {
    MutexLock lock(mutex_);
    free_.clear();
  }
  // Also those that could not be removed when they were released; the kernel may need a moment to see the
  // last process of one as gone.
  const auto deadline = std::chrono::steady_clock::now() + kStalePatience;
  while (!RemoveTree(AT_FDCWD, path_.c_str()) && std::chrono::steady_clock::now() < deadline) {
    KillBelow(directory_.get());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  MoveBack();
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
  UniqueFd directory = OpenDirectory(directory_.get(), name.c_str());
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
  RemoveTree(directory_.get(), cgroup->name_.c_str());
}

}  // namespace covey
