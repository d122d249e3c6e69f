#include "core/process/cgroup_place.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <sstream>
#include <thread>
#include <utility>

#include "core/base/make_directory.h"
#include "core/base/plural.h"
#include "core/process/cgroup_directory.h"
#include "core/process/errno_text.h"
#include "core/process/owner.h"
#include "core/process/proc_fs.h"

namespace covey::cgroup_place {
namespace {

constexpr std::string_view kPrefix = "covey-";
constexpr std::string_view kAsidePrefix = "coveyd-";
constexpr std::chrono::seconds kStalePatience(5);
constexpr std::chrono::seconds kLockPatience(1);
constexpr const char* kTaken = "CGROUP_TAKEN";
constexpr int kMostClaims = 10;

Error Unusable(std::string message) {
  return {
      .code = ErrorCode::kUnimplemented, .reason = "NO_CGROUP", .message = std::move(message), .fields = {}};
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

Result<Claim> ClaimOnce(const std::string& parent) {
  static std::atomic<unsigned> count{0};
  const std::string path =
      parent + "/" + std::string(kPrefix) + Owner::Self().Text() + "-" + std::to_string(count.fetch_add(1));
  if (!MakeDirectory(path, 0755)) return Unusable("cannot make " + path + ": " + ErrnoText(errno));
  UniqueFd directory = cgroup_directory::Open(AT_FDCWD, path.c_str());
  if (!directory || ::flock(directory.get(), LOCK_EX | LOCK_NB) != 0 || ::access(path.c_str(), F_OK) != 0) {
    Error error = Unusable("cannot lock " + path + ": " + ErrnoText(errno));
    error.reason = kTaken;
    ::rmdir(path.c_str());
    return error;
  }
  if (!UniqueFd(::openat(directory.get(), "cgroup.events", O_RDONLY | O_CLOEXEC))) {
    ::rmdir(path.c_str());
    return Unusable(path + " is no cgroup of version 2");
  }
  return Claim{.path = path, .directory = std::move(directory)};
}

// The owner that a name tells, `covey-<owner>-<count>`.
std::optional<Owner> OwnerOf(std::string_view name) {
  name.remove_prefix(kPrefix.size());
  return Owner::Parse(name.substr(0, name.find('-')));
}

// A child of a dead owner has its descriptors, and so the lock, until it executes its program.
bool LockOfDead(int directory) {
  const auto deadline = std::chrono::steady_clock::now() + kLockPatience;
  while (::flock(directory, LOCK_EX | LOCK_NB) != 0) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

void RemoveStaleOne(int at, const std::string& parent, const std::string& name, const Log& log) {
  const std::optional<Owner> owner = OwnerOf(name);
  const Owner::Fate fate = owner ? owner->Look() : Owner::Fate::kUnknown;
  if (fate == Owner::Fate::kAlive) return;  // also one that has yet to lock it
  const UniqueFd directory = cgroup_directory::Open(at, name.c_str());
  if (!directory) return;
  const bool dead = fate == Owner::Fate::kDead;
  if (dead ? !LockOfDead(directory.get()) : ::flock(directory.get(), LOCK_EX | LOCK_NB) != 0) return;
  const std::string path = parent + "/" + name;
  if (!dead && cgroup_directory::Populated(directory.get())) {
    if (log) {
      log("cgroup " + path +
          " has processes, and its owner, in another pid namespace, cannot be known to be dead; "
          "it is left alone");
    }
    return;
  }
  const size_t members = cgroup_directory::Members(directory.get()).size();
  const auto deadline = std::chrono::steady_clock::now() + kStalePatience;
  while (dead && cgroup_directory::Populated(directory.get()) &&
         std::chrono::steady_clock::now() < deadline) {
    cgroup_directory::Kill(directory.get());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const bool removed = cgroup_directory::Remove(at, name.c_str());
  if (!log) return;
  if (!removed) log("cgroup " + path + " of a dead owner cannot be removed");
  if (removed && members > 0) {
    log("killed " + Plural(members, "process", "processes") + " that a dead owner left in cgroup " + path);
  }
}

}  // namespace

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

Result<Claim> ClaimBelow(const std::string& parent) {
  Result<Claim> claim = ClaimOnce(parent);
  // Somebody else's RemoveStale may come between mkdir and flock and take it for stale, if it lives in another
  // pid namespace.
  for (int tries = 1; tries < kMostClaims && !claim.ok() && claim.error().reason == kTaken; ++tries) {
    claim = ClaimOnce(parent);
  }
  return claim;
}

void RemoveStale(const std::string& parent, const Log& log) {
  const UniqueFd at = cgroup_directory::Open(AT_FDCWD, parent.c_str());
  if (!at) return;
  for (const std::string& name : cgroup_directory::Below(at.get())) {
    // One that a program had moved into can be removed once nothing is in it.
    if (name.starts_with(kAsidePrefix)) ::unlinkat(at.get(), name.c_str(), AT_REMOVEDIR);
    if (name.starts_with(kPrefix)) RemoveStaleOne(at.get(), parent, name, log);
  }
}

std::unique_ptr<MovedAside> MovedAside::From(int place) {
  const std::string self = std::to_string(::getpid());
  const std::string name = std::string(kAsidePrefix) + Owner::Self().Text();
  const UniqueFd procs(::openat(place, "cgroup.procs", O_RDONLY | O_CLOEXEC));
  char text[64];
  const ssize_t n = procs ? ::read(procs.get(), text, sizeof text) : -1;
  if (n < 0 || std::string_view(text, static_cast<size_t>(n)) != self + "\n") return nullptr;
  if (!MakeDirectoryAt(place, name.c_str(), 0755) && errno != EEXIST) return nullptr;
  UniqueFd kept = cgroup_directory::Open(place, ".");
  const UniqueFd aside(::openat(place, (name + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
  if (!kept || !aside || ::write(aside.get(), "0", 1) != 1) {
    ::unlinkat(place, name.c_str(), AT_REMOVEDIR);
    return nullptr;
  }
  return std::unique_ptr<MovedAside>(new MovedAside(std::move(kept), name));
}

MovedAside::MovedAside(UniqueFd place, std::string name) : place_(std::move(place)), name_(std::move(name)) {}

MovedAside::~MovedAside() {
  const UniqueFd procs(::openat(place_.get(), "cgroup.procs", O_WRONLY | O_CLOEXEC));
  if (procs && ::write(procs.get(), "0", 1) == 1) ::unlinkat(place_.get(), name_.c_str(), AT_REMOVEDIR);
}

}  // namespace covey::cgroup_place
