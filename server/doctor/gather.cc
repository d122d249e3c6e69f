#include <fcntl.h>
#include <linux/magic.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <utility>

#include "core/base/unique_fd.h"
#include "core/process/cgroup_place.h"
#include "covey/version.h"
#include "server/doctor/facts.h"

namespace covey::doctor {
namespace {

constexpr int kSyncs = 5;
constexpr std::string_view kUnixAddress = "unix:";

struct FileSystem {
  int64_t magic;
  const char* name;
  DiskFacts::Kind kind;
};
// statfs(2) has the numbers; some are in no header.
constexpr std::array kFileSystems{
    FileSystem{EXT4_SUPER_MAGIC, "ext4", DiskFacts::Kind::kLocal},
    FileSystem{XFS_SUPER_MAGIC, "xfs", DiskFacts::Kind::kLocal},
    FileSystem{BTRFS_SUPER_MAGIC, "btrfs", DiskFacts::Kind::kLocal},
    FileSystem{0xF2F52010, "f2fs", DiskFacts::Kind::kLocal},
    FileSystem{0x2FC12FC1, "zfs", DiskFacts::Kind::kLocal},
    FileSystem{TMPFS_MAGIC, "tmpfs", DiskFacts::Kind::kMemory},
    FileSystem{RAMFS_MAGIC, "ramfs", DiskFacts::Kind::kMemory},
    FileSystem{OVERLAYFS_SUPER_MAGIC, "overlayfs", DiskFacts::Kind::kLayers},
    FileSystem{NFS_SUPER_MAGIC, "nfs", DiskFacts::Kind::kNetwork},
    FileSystem{SMB_SUPER_MAGIC, "smb", DiskFacts::Kind::kNetwork},
    FileSystem{0xFE534D42, "smb2", DiskFacts::Kind::kNetwork},
    FileSystem{0xFF534D42, "cifs", DiskFacts::Kind::kNetwork},
    FileSystem{V9FS_MAGIC, "9p", DiskFacts::Kind::kNetwork},
    FileSystem{CODA_SUPER_MAGIC, "coda", DiskFacts::Kind::kNetwork},
    FileSystem{AFS_SUPER_MAGIC, "afs", DiskFacts::Kind::kNetwork},
    FileSystem{0x00C36400, "ceph", DiskFacts::Kind::kNetwork},
    FileSystem{0x65735546, "fuse", DiskFacts::Kind::kNetwork},
};

// The path itself, or the nearest above it that is there.
std::string ThereIs(const std::string& directory) {
  std::filesystem::path path = directory;
  std::error_code ignored;
  while (path.has_relative_path() && !std::filesystem::exists(path, ignored)) path = path.parent_path();
  return path.empty() ? "." : path.string();
}

PathFacts LookAt(std::string path) {
  PathFacts facts{.path = std::move(path)};
  struct stat found {};
  if (stat(facts.path.c_str(), &found) == 0) {
    facts.mode = found.st_mode & 07777;
    facts.owner = found.st_uid;
    facts.is_directory = S_ISDIR(found.st_mode);
    facts.is_socket = S_ISSOCK(found.st_mode);
    return facts;
  }
  facts.problem = strerror(errno);
  facts.missing = errno == ENOENT;
  if (!facts.missing) return facts;
  if (lstat(facts.path.c_str(), &found) == 0) {
    facts.unmakable = "it is a link to what is not there";
    return facts;
  }
  const std::string above = ThereIs(facts.path);
  if (stat(above.c_str(), &found) != 0 || !S_ISDIR(found.st_mode)) {
    facts.unmakable = above + " is no directory";
  } else if (access(above.c_str(), W_OK | X_OK) != 0) {
    facts.unmakable = "nothing can be made in " + above + ": " + strerror(errno);
  }
  return facts;
}

void TimeSyncs(const std::string& directory, DiskFacts* disk) {
  std::string name = directory + "/.doctor-XXXXXX";
  const UniqueFd file(mkostemp(name.data(), O_CLOEXEC));
  if (!file) {
    disk->sync_problem = strerror(errno);
    return;
  }
  (void)unlink(name.c_str());
  std::array<nanoseconds, kSyncs> took{};
  const std::string block(4096, 'x');
  for (int i = 0; i < kSyncs; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const auto size = static_cast<ssize_t>(block.size());
    if (pwrite(file.get(), block.data(), block.size(), i * size) != size || fdatasync(file.get()) != 0) {
      disk->sync_problem = strerror(errno);
      return;
    }
    took[static_cast<size_t>(i)] = std::chrono::steady_clock::now() - begin;
  }
  std::sort(took.begin(), took.end());
  disk->sync = took[kSyncs / 2];
}

std::optional<DiskFacts> LookAtDisk(const PathFacts& data) {
  const std::string directory = ThereIs(data.path);
  struct statfs kind {};
  struct statvfs room {};
  if (statfs(directory.c_str(), &kind) != 0 || statvfs(directory.c_str(), &room) != 0) return std::nullopt;
  DiskFacts disk;
  const auto found = std::find_if(kFileSystems.begin(), kFileSystems.end(), [&](const FileSystem& each) {
    return each.magic == static_cast<int64_t>(static_cast<uint32_t>(kind.f_type));
  });
  disk.file_system = found != kFileSystems.end()
                         ? found->name
                         : "number " + std::to_string(static_cast<uint32_t>(kind.f_type));
  if (found != kFileSystems.end()) disk.kind = found->kind;
  disk.read_only = (room.f_flag & ST_RDONLY) != 0;
  disk.bytes = uint64_t{room.f_blocks} * room.f_frsize;
  disk.free_bytes = uint64_t{room.f_bavail} * room.f_frsize;
  disk.files = room.f_files;
  disk.free_files = room.f_favail;
  if (!data.missing) TimeSyncs(directory, &disk);
  return disk;
}

std::optional<uint64_t> NumberIn(const std::string& path) {
  std::ifstream file(path);
  uint64_t number = 0;
  return file >> number ? std::optional(number) : std::nullopt;  // "max" is none
}

MachineFacts LookAtMachine(const Facts& facts) {
  MachineFacts machine{.user = geteuid(), .sqlite = sqlite3_libversion()};
  utsname kernel{};
  if (uname(&kernel) == 0) machine.kernel = kernel.release;
  timex clock{};
  machine.clock_synchronised = adjtimex(&clock) != TIME_ERROR;
  machine.now = std::chrono::system_clock::now();
  struct stat journal {};
  for (const char* file : {"/journal.db", "/journal.db-wal"}) {
    if (stat((facts.data.path + file).c_str(), &journal) != 0) continue;
    const auto at = std::chrono::system_clock::from_time_t(journal.st_mtim.tv_sec);
    machine.written = std::max(machine.written.value_or(at), at);
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NPROC, &limit) == 0 && limit.rlim_max != RLIM_INFINITY && machine.user != 0)
    machine.most_tasks = limit.rlim_max;
  for (const std::string& own : cgroup_place::OwnCgroups()) {
    machine.has_cgroups = true;
    machine.may_use_cgroups = machine.may_use_cgroups || access(own.c_str(), W_OK | X_OK) == 0;
    const std::optional<uint64_t> most = NumberIn(own + "/pids.max");
    if (most) machine.most_tasks = std::min(machine.most_tasks.value_or(*most), *most);
  }
  return machine;
}

}  // namespace

Facts Gather(const CommandLine& command_line, const ConfigResult& configured) {
  Facts facts{.version = COVEY_VERSION, .config_file = command_line.config_file};
  for (const ConfigProblem& problem : configured.problems) facts.config_problems.push_back(problem.Text());
  if (!facts.config_file.empty()) facts.config_path = LookAt(facts.config_file);
  if (configured.loaded) facts.config = configured.loaded->config;
  const bool keeps = configured.loaded && facts.config.journal != "memory";
  if (keeps) {
    facts.data = LookAt(facts.config.data_dir);
    facts.disk = LookAtDisk(facts.data);
  }
  for (const std::string& address : facts.config.listen) {
    if (!address.starts_with(kUnixAddress)) continue;
    PathFacts socket = LookAt(address.substr(kUnixAddress.size()));
    if (!socket.missing || !socket.unmakable.empty()) facts.sockets.push_back(std::move(socket));
  }
  facts.machine = LookAtMachine(facts);
  return facts;
}

}  // namespace covey::doctor
