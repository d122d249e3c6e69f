#include "core/process/root_record.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "core/process/proc_fs.h"

namespace covey {
namespace {

constexpr char kMagic[8] = {'c', 'o', 'v', 'e', 'y', 'r', 't', '1'};
constexpr size_t kMostSlots = 1 << 20;

// Read on the machine that wrote it.
struct Header {
  char magic[8] = {};
  char boot[40] = {};
  uint64_t pid_namespace = 0;
  uint64_t pid = 0;
  uint64_t start_ticks = 0;
  uint64_t last_ticks = 0;
};

struct Slot {
  uint64_t root = 0;  // 0: free
  uint64_t start_ticks = 0;
};

void CopyBoot(char (&boot)[40]) {
  const std::string text = procfs::ReadFile("/proc/sys/kernel/random/boot_id");
  std::memcpy(boot, text.data(), std::min(text.size(), sizeof boot - 1));
}

}  // namespace

std::optional<RootRecord::Past> RootRecord::Read(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  Header header;
  Header now;
  CopyBoot(now.boot);
  if (!file || ::pread(file.get(), &header, sizeof header, 0) != sizeof header ||
      std::memcmp(header.magic, kMagic, sizeof kMagic) != 0 ||
      std::memcmp(header.boot, now.boot, sizeof now.boot) != 0) {
    return std::nullopt;
  }
  Past past{.owner = {.pid_namespace = header.pid_namespace,
                      .pid = static_cast<pid_t>(header.pid),
                      .start_ticks = header.start_ticks},
            .last_ticks = header.last_ticks,
            .roots = {}};
  Slot slot;
  for (size_t i = 0; i < kMostSlots; ++i) {
    const auto at = static_cast<off_t>(sizeof header + i * sizeof slot);
    if (::pread(file.get(), &slot, sizeof slot, at) != sizeof slot) break;
    if (slot.root != 0) past.roots.emplace(static_cast<pid_t>(slot.root), slot.start_ticks);
  }
  return past;
}

RootRecord::RootRecord(const std::string& path) {
  if (path.empty()) return;
  MutexLock lock(mutex_);
  // Another file in its place, never through a link.
  ::unlink(path.c_str());
  file_.Reset(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file_.LeaveStdio()) file_.Reset();
  if (!file_) return;
  const Owner self = Owner::Self();
  Header header;
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  CopyBoot(header.boot);
  header.pid_namespace = self.pid_namespace;
  header.pid = static_cast<uint64_t>(self.pid);
  header.start_ticks = self.start_ticks;
  header.last_ticks = procfs::NowTicks();
  if (::pwrite(file_.get(), &header, sizeof header, 0) != sizeof header) file_.Reset();
}

void RootRecord::Add(ProcessId id, pid_t root, uint64_t start_ticks) {
  MutexLock lock(mutex_);
  if (!file_) return;
  size_t slot = slots_.size();
  if (!free_.empty()) {
    slot = free_.back();
    free_.pop_back();
  }
  slots_[id] = slot;
  WriteSlot(slot, root, start_ticks);
  BeatLocked();
}

void RootRecord::Remove(ProcessId id) {
  MutexLock lock(mutex_);
  const auto found = slots_.find(id);
  if (found == slots_.end()) return;
  WriteSlot(found->second, 0, 0);
  free_.push_back(found->second);
  slots_.erase(found);
}

void RootRecord::Beat() {
  MutexLock lock(mutex_);
  BeatLocked();
}

void RootRecord::WriteSlot(size_t slot, pid_t root, uint64_t start_ticks) {
  const Slot value{.root = static_cast<uint64_t>(root), .start_ticks = start_ticks};
  const auto at = static_cast<off_t>(sizeof(Header) + slot * sizeof value);
  static_cast<void>(!::pwrite(file_.get(), &value, sizeof value, at));
}

void RootRecord::BeatLocked() {
  if (!file_) return;
  const uint64_t now = procfs::NowTicks();
  static_cast<void>(!::pwrite(file_.get(), &now, sizeof now, offsetof(Header, last_ticks)));
}

}  // namespace covey
