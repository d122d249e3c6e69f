#include "server/doctor/judge.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>
#include <utility>

#include "core/base/duration.h"
#include "core/base/plural.h"

namespace covey::doctor {
namespace {

using std::chrono::milliseconds;
using Level = Finding::Level;

// A commit is a sync: what one takes is what each submit that comes alone waits for.
constexpr milliseconds kSlowSync{20};
constexpr milliseconds kVerySlowSync{200};
// No disk that keeps what it is told to is faster.
constexpr std::chrono::microseconds kNoSync{5};
constexpr uint64_t kFewBytes = uint64_t{1} << 30;
constexpr uint64_t kTooFewBytes = uint64_t{64} << 20;
constexpr uint64_t kFewFiles = 1000;
constexpr std::chrono::minutes kBehind{5};
// clone3 into a cgroup is Linux 5.7; pidfds that can be waited for are 5.4, without which nothing starts.
constexpr std::pair<int, int> kLeastKernel{5, 4};

std::string BytesText(uint64_t bytes) {
  constexpr std::array kUnits{"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  char text[48];
  (void)std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text;
}

std::string ModeText(uint32_t mode) {
  char text[16];
  (void)std::snprintf(text, sizeof text, "%04o", mode);
  return text;
}

std::string Joined(const std::vector<std::string>& words) {
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : ", ") + word;
  return all;
}

bool IsLoopbackAddress(std::string_view address) {
  return address.starts_with("127.") || address.starts_with("localhost:") || address.starts_with("[::1]:");
}

// Collects what is said.
class Judgement {
 public:
  explicit Judgement(const Facts& facts) : facts_(facts), config_(facts.config) {}

  std::vector<Finding> Run() {
    Versions();
    Configuration();
    if (!facts_.config_problems.empty() && !facts_.running) return std::move(findings_);
    Serving();
    Addresses();
    Journal();
    DataDirectory();
    Disk();
    Descriptors();
    Processes();
    Clock();
    Retention();
    return std::move(findings_);
  }

 private:
  void Say(Level level, std::string_view check, std::string message, std::string advice = {}) {
    findings_.push_back({.level = level,
                         .check = std::string(check),
                         .message = std::move(message),
                         .advice = std::move(advice)});
  }

  void Versions() {
    const MachineFacts& machine = facts_.machine;
    int major = 0;
    int minor = 0;
    (void)std::sscanf(machine.kernel.c_str(), "%d.%d", &major, &minor);
    const std::string text =
        "covey " + facts_.version + ", Linux " + machine.kernel + ", SQLite " + machine.sqlite;
    if (std::pair(major, minor) < kLeastKernel) {
      Say(Level::kError, "versions", text, "Processes need Linux 5.4 or later: update the kernel.");
    } else {
      Say(Level::kOk, "versions", text);
    }
  }

  void Configuration() {
    for (const std::string& problem : facts_.config_problems) {
      Say(Level::kError, "configuration", problem,
          facts_.running
              ? "The daemon goes on as it was told before, and would not start again: mend the file, then "
                "covey reload."
              : "The daemon would not start: mend it, and try again with coveyd --check-config.");
    }
    if (const std::optional<PathFacts>& file = facts_.config_path; file && file->problem.empty()) {
      const bool foreign = file->owner != 0 && file->owner != facts_.machine.user;
      if ((file->mode & 0022) != 0 || foreign) {
        Say(Level::kWarning, "configuration",
            file->path + " has mode " + ModeText(file->mode) + " and belongs to user " +
                std::to_string(file->owner) + ": others can say what the daemon does",
            "chown root " + file->path + " && chmod go-w " + file->path);
      }
    }
    if (facts_.running && !facts_.running->needs_restart.empty()) {
      Say(Level::kNote, "configuration", "differs in the file: " + Joined(facts_.running->needs_restart),
          "It is in force after a restart of the daemon.");
    }
    if (facts_.config_problems.empty()) {
      Say(Level::kOk, "configuration",
          facts_.config_file.empty() ? "the flags are good" : facts_.config_file + " is good");
    }
  }

  void Serving() {
    if (!facts_.running) return;
    for (const std::string& why : facts_.running->not_serving)
      Say(Level::kError, "serving", why, "Work is refused until that is mended; reads go on.");
    if (facts_.running->draining)
      Say(Level::kNote, "serving", "the daemon drains: new groups are refused",
          "covey undrain takes it back.");
    if (facts_.running->not_serving.empty() && !facts_.running->draining)
      Say(Level::kOk, "serving", "work is taken");
  }

  void Addresses() {
    bool well = true;
    for (const std::string& address : config_.listen) {
      if (address.starts_with("unix:") || IsLoopbackAddress(address)) continue;
      well = false;
      Say(Level::kWarning, "addresses",
          "listens on " + address + ": whoever reaches it can run commands as user " +
              std::to_string(facts_.machine.user),
          "Listen on a unix socket or on 127.0.0.1, or let nobody but its clients reach the port.");
    }
    for (size_t i = 0; i < config_.listen.size(); ++i) {
      const auto again = config_.listen.begin() + static_cast<std::ptrdiff_t>(i) + 1;
      if (std::find(again, config_.listen.end(), config_.listen[i]) == config_.listen.end()) continue;
      well = false;
      Say(Level::kError, "addresses", config_.listen[i] + " is to be listened on twice", "Name it once.");
    }
    for (const PathFacts& socket : facts_.sockets) {
      if (!socket.unmakable.empty() || !socket.is_socket) {
        well = false;
        const std::string why = !socket.unmakable.empty() ? " cannot be made: " + socket.unmakable
                                : !socket.problem.empty() ? " cannot be used: " + socket.problem
                                                          : " is there, and is no socket";
        Say(Level::kError, "addresses", socket.path + why,
            "Listen on a path in a directory that user " + std::to_string(facts_.machine.user) +
                " may write.");
        continue;
      }
      if ((socket.mode & 0002) == 0) continue;
      well = false;
      Say(Level::kWarning, "addresses",
          socket.path + " has mode " + ModeText(socket.mode) +
              ": every user of this machine can run commands as user " + std::to_string(facts_.machine.user),
          "Set socket_mode = \"0660\" and socket_group, and put users into that group.");
    }
    if (well) Say(Level::kOk, "addresses", Joined(config_.listen));
  }

  void Journal() {
    if (config_.journal == "memory") {
      Say(Level::kWarning, "journal", "journal = \"memory\": nothing survives the end of the daemon",
          "Set journal = \"sqlite\" where work matters.");
    } else if (!config_.durable) {
      Say(Level::kWarning, "journal",
          "durability = \"none\": what was acknowledged may be gone after a power cut",
          "Set durability = \"full\" where work matters.");
    } else {
      Say(Level::kOk, "journal", "sqlite, durable");
    }
    if (facts_.running && facts_.running->set_aside > 0) {
      Say(Level::kError, "journal", Plural(facts_.running->set_aside, "group") + " cannot be read",
          "The log names them. covey backup, stop the daemon, and coveyd --repair NEW-DIRECTORY.");
    }
  }

  bool keeps() const { return config_.journal != "memory"; }

  void DataDirectory() {
    if (!keeps()) return;
    const PathFacts& data = facts_.data;
    if (data.missing && facts_.running) {
      Say(Level::kError, "data_dir", data.path + " is gone, and the daemon runs on without it",
          "Stop the daemon, bring the directory back, and start again.");
    } else if (data.missing && !data.unmakable.empty()) {
      Say(Level::kError, "data_dir", data.path + " is not there, and " + data.unmakable,
          "Make it for user " + std::to_string(facts_.machine.user) + ", with mode 0700.");
    } else if (data.missing) {
      Say(Level::kNote, "data_dir", data.path + " is not there yet",
          "The daemon makes it at its first start.");
    } else if (!data.problem.empty()) {
      Say(Level::kError, "data_dir", data.path + ": " + data.problem,
          "Give user " + std::to_string(facts_.machine.user) + " the way to it.");
    } else if (!data.is_directory) {
      Say(Level::kError, "data_dir", data.path + " is no directory",
          "Name a directory of the daemon's own, or one that it can make.");
    } else if (data.owner != facts_.machine.user || (data.mode & 0077) != 0) {
      Say(Level::kError, "data_dir",
          data.path + " has mode " + ModeText(data.mode) + " and belongs to user " +
              std::to_string(data.owner) + ", and the daemon is user " + std::to_string(facts_.machine.user) +
              ": it starts on no directory that is "
              "another's, or open to others",
          "chown -R " + std::to_string(facts_.machine.user) + " " + data.path + " && chmod 0700 " +
              data.path);
    } else {
      Say(Level::kOk, "data_dir", data.path + " has mode " + ModeText(data.mode));
    }
  }

  void Disk() {
    if (!keeps() || !facts_.disk) return;
    const DiskFacts& disk = *facts_.disk;
    FileSystem(disk);
    FreeSpace(disk);
    Sync(disk);
  }

  void FileSystem(const DiskFacts& disk) {
    const std::string lies = facts_.data.path + " lies on " + disk.file_system;
    if (disk.read_only) {
      Say(Level::kError, "file_system", lies + ", which is mounted to be read alone",
          "Mount it to be written.");
      return;
    }
    switch (disk.kind) {
      case DiskFacts::Kind::kNetwork:
        Say(Level::kError, "file_system",
            lies + ": the lock that keeps two daemons apart, and its syncs, may not hold",
            "Put data_dir on a disk of this machine.");
        break;
      case DiskFacts::Kind::kMemory:
        Say(Level::kWarning, "file_system", lies + ": nothing survives a restart of the machine",
            "Put data_dir on a disk, as /var/lib/covey.");
        break;
      case DiskFacts::Kind::kLayers:
        Say(Level::kWarning, "file_system", lies + ", the layers of a container: what is kept goes with it",
            "Mount a volume at data_dir.");
        break;
      case DiskFacts::Kind::kLocal:
        Say(Level::kOk, "file_system", lies);
        break;
    }
  }

  void FreeSpace(const DiskFacts& disk) {
    const std::string room = BytesText(disk.free_bytes) + " of " + BytesText(disk.bytes) + " are free";
    if (disk.free_bytes < kTooFewBytes) {
      Say(Level::kError, "free_space", room,
          "Make room: work is refused when the journal cannot be written.");
    } else if (disk.free_bytes < kFewBytes) {
      Say(Level::kWarning, "free_space", room,
          "Make room, or keep less (retain_age, retain_groups, retain_bytes).");
    } else {
      Say(Level::kOk, "free_space", room);
    }
    if (disk.files > 0 && disk.free_files < kFewFiles) {
      Say(Level::kWarning, "free_space",
          "the file system has room for " + Plural(disk.free_files, "file") + " more",
          "Each stream of a task that writes is a file: remove files, or keep fewer groups (retain_groups).");
    }
  }

  void Sync(const DiskFacts& disk) {
    if (!disk.sync_problem.empty()) {
      Say(Level::kError, "sync", "a file in " + facts_.data.path + " cannot be written: " + disk.sync_problem,
          "Until that is mended work is refused.");
    } else if (disk.sync) {
      char text[64];
      (void)std::snprintf(text, sizeof text, "a sync of the disk takes %.2f ms",
                          std::chrono::duration<double, std::milli>(*disk.sync).count());
      const std::string takes = text;
      if (*disk.sync >= kSlowSync) {
        Say(*disk.sync >= kVerySlowSync ? Level::kError : Level::kWarning, "sync",
            takes + ", and each submit waits for one",
            "Put data_dir on a faster disk, or submit many tasks at once: what waits shares a sync.");
      } else if (*disk.sync < kNoSync && disk.kind != DiskFacts::Kind::kMemory) {
        Say(Level::kNote, "sync", takes + ": it may not reach the disk",
            "See that the host does not ignore syncs.");
      } else {
        Say(Level::kOk, "sync", takes);
      }
    }
  }

  void Descriptors() {
    const MachineFacts& machine = facts_.machine;
    if (machine.processes_at_once == 0 && machine.open_files == 0) return;  // not known
    uint64_t slots = 0;
    for (const PoolConfig& pool : config_.pools) slots += pool.max;
    const std::string enough = "the limit of open files, " + std::to_string(machine.open_files) +
                               ", is enough for " +
                               Plural(machine.processes_at_once, "process", "processes") +
                               " at once; the pools have " + Plural(slots, "slot");
    if (machine.processes_at_once < slots) {
      Say(machine.processes_at_once == 0 ? Level::kError : Level::kWarning, "descriptors", enough,
          "Raise LimitNOFILE= of the unit, --ulimit nofile= of docker, or ulimit -n.");
    } else {
      Say(Level::kOk, "descriptors", enough);
    }
    if (machine.most_tasks && *machine.most_tasks < slots) {
      Say(Level::kWarning, "processes",
          Plural(*machine.most_tasks, "process", "processes") + " may be there at once; the pools have " +
              Plural(slots, "slot"),
          "Raise TasksMax= of the unit, --pids-limit of docker, or ulimit -u.");
    }
  }

  void Processes() {
    const std::string without =
        "a process that leaves its tree, its session and its environment is found late, and trees "
        "have no limits of memory, CPU or processes";
    const std::string how =
        "Run the daemon as a unit with Delegate=yes, or as root of a container with its own cgroups.";
    if (!config_.use_cgroups) {
      Say(Level::kNote, "cgroups", "cgroups = false: " + without,
          "Set cgroups = true where they can be had.");
      return;
    }
    if (facts_.running) {
      const RunningFacts& running = *facts_.running;
      if (!running.process_control.starts_with("cgroup")) {
        Say(Level::kWarning, "cgroups", running.process_control + ": " + without, how);
        return;
      }
      std::vector<std::string> lacking;
      for (const char* name : {"cpu", "memory", "pids"}) {
        if (std::find(running.controllers.begin(), running.controllers.end(), name) ==
            running.controllers.end())
          lacking.emplace_back(name);
      }
      if (lacking.empty()) {
        Say(Level::kOk, "cgroups", "version 2, with " + Joined(running.controllers));
      } else {
        Say(Level::kNote, "cgroups",
            "version 2, without the controllers " + Joined(lacking) +
                ": tasks that ask for such "
                "limits are refused",
            "Run the daemon as a unit with Delegate=yes.");
      }
    } else if (!facts_.machine.has_cgroups || !facts_.machine.may_use_cgroups) {
      Say(Level::kWarning, "cgroups",
          (facts_.machine.has_cgroups ? "this user may make no cgroups here: "
                                      : "there are no cgroups of version 2: ") +
              without,
          how);
    } else {
      Say(Level::kOk, "cgroups", "version 2, and groups may be made");
    }
  }

  void Clock() {
    const MachineFacts& machine = facts_.machine;
    if (machine.written && machine.now + kBehind < *machine.written) {
      const auto behind = std::chrono::round<std::chrono::seconds>(*machine.written - machine.now);
      Say(Level::kError, "clock",
          "the clock is " + DurationText(behind) + " before the time at which the journal was written last",
          "Set the clock: deadlines of groups that go on, and ages of those that are over, go by it.");
    } else if (!machine.clock_synchronised) {
      Say(Level::kNote, "clock", "the kernel says that nobody keeps the clock right",
          "Run chrony or systemd-timesyncd, unless the host of this machine does.");
    } else {
      Say(Level::kOk, "clock", "is kept right");
    }
  }

  void Retention() {
    const auto bound = [](uint64_t value, const std::string& text) {
      return value == 0 ? std::string() : text;
    };
    const auto& keep = config_.retain;
    std::vector<std::string> bounds;
    if (keep.age.count() > 0) bounds.push_back("older than " + DurationText(keep.age));
    if (keep.failed_age.count() > 0)
      bounds.push_back("failed and older than " + DurationText(keep.failed_age));
    if (std::string text = bound(keep.groups, "beyond " + Plural(keep.groups, "group")); !text.empty())
      bounds.push_back(std::move(text));
    if (std::string text = bound(keep.bytes, "beyond " + BytesText(keep.bytes)); !text.empty())
      bounds.push_back(std::move(text));
    if (bounds.empty()) {
      Say(Level::kWarning, "retention", "nothing that is over is ever purged: the disk fills up",
          "Set one of retain_age, retain_groups and retain_bytes.");
      return;
    }
    const std::string rule = "of what is over goes what is " + Joined(bounds);
    WhatGoes(rule);
    if (!keeps() || !facts_.disk) return;
    const uint64_t over = facts_.running ? facts_.running->over_bytes : 0;
    const uint64_t growth = keep.bytes > over ? keep.bytes - over : 0;
    if (keep.bytes == 0) {
      Say(Level::kNote, "retention", "retain_bytes = 0: what is kept has no bound in bytes",
          "Set it to what the disk has room for.");
    } else if (growth > facts_.disk->free_bytes) {
      Say(Level::kWarning, "retention",
          "retain_bytes lets what is over grow by " + BytesText(growth) + ", and " +
              BytesText(facts_.disk->free_bytes) + " are free",
          "Set retain_bytes to what the disk has room for.");
    }
  }

  void WhatGoes(const std::string& rule) {
    if (!facts_.running) return Say(Level::kOk, "retention", rule);
    const RunningFacts& running = *facts_.running;
    std::string now = rule + "; " + Plural(running.over_groups, "group") + ", " +
                      BytesText(running.over_bytes) + ", are over";
    if (!running.due_groups)
      return Say(Level::kNote, "retention", now, "What will go could not be looked up; the log may say why.");
    if (*running.due_groups == 0) return Say(Level::kOk, "retention", now);
    const std::string go =
        Plural(*running.due_groups, "group") + ", " + BytesText(running.due_bytes) + ", will go";
    if (running.purges_from > facts_.machine.now) {
      const auto in = std::chrono::round<std::chrono::minutes>(running.purges_from - facts_.machine.now);
      Say(Level::kWarning, "retention", now + "; in " + DurationText(in) + " " + go,
          "An older version kept everything. Set retain_age, retain_failed_age, retain_groups or "
          "retain_bytes "
          "otherwise when they are to stay.");
    } else {
      Say(Level::kNote, "retention", now + "; " + go + " next", "covey prune --dry-run lists them.");
    }
  }

  const Facts& facts_;
  const Config& config_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> Judge(const Facts& facts) { return Judgement(facts).Run(); }

bool IsWrong(const std::vector<Finding>& findings) {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& finding) { return finding.level >= Level::kWarning; });
}

}  // namespace covey::doctor
