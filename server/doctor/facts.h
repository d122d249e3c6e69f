#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/config/command_line.h"

namespace covey::doctor {

using std::chrono::nanoseconds;

// A file or directory. `problem`: why nothing is known of it; empty: it was looked at.
struct PathFacts {
  std::string path;
  std::string problem;
  bool missing = false;
  std::string unmakable;  // of one that is missing: why it cannot be made
  bool is_directory = false;
  bool is_socket = false;
  uint32_t mode = 0;
  uint32_t owner = 0;
};

// What a data directory lies on.
struct DiskFacts {
  enum class Kind : uint8_t {
    kLocal,
    kNetwork,  // locks and syncs are those of another machine
    kMemory,   // gone with a restart of the machine
    kLayers,   // the image of a container: gone with it
  };
  Kind kind = Kind::kLocal;
  std::string file_system;  // "ext4", or its number
  bool read_only = false;
  uint64_t bytes = 0;
  uint64_t free_bytes = 0;  // for this user
  uint64_t files = 0;       // 0: it has no bound
  uint64_t free_files = 0;
  std::optional<nanoseconds> sync;  // of one small write, the median of some; none: not tried
  std::string sync_problem;         // why it cannot be written
};

struct MachineFacts {
  uint32_t user = 0;
  std::string kernel;
  std::string sqlite;
  bool clock_synchronised = true;
  std::chrono::system_clock::time_point now{};
  // When the journal was written last; none: there is none.
  std::optional<std::chrono::system_clock::time_point> written;
  uint64_t open_files = 0;             // limit
  size_t processes_at_once = 0;        // that descriptors are enough for
  std::optional<uint64_t> most_tasks;  // processes and threads that the cgroup, or the user, may have
  bool has_cgroups = false;            // version 2 is mounted
  bool may_use_cgroups = false;        // groups can be made below our own
};

// What only a daemon that runs knows.
struct RunningFacts {
  std::string process_control;           // "cgroup …", "subreaper …"
  std::vector<std::string> controllers;  // of cgroups
  std::vector<std::string> not_serving;  // whys
  bool draining = false;
  std::vector<std::string> needs_restart;  // keys that differ in the file
  uint64_t over_groups = 0;
  uint64_t over_bytes = 0;
  std::optional<uint64_t> due_groups;  // that retention would purge by now; none: it could not be looked up
  uint64_t due_bytes = 0;
  std::chrono::system_clock::time_point purges_from{};  // nothing goes before; in the past: at once
  uint64_t set_aside = 0;                               // groups that cannot be read
};

// All that a judgement is made of: plain values, so that it can be made of any.
struct Facts {
  std::string version;
  std::string config_file;  // empty: flags alone
  std::vector<std::string> config_problems;
  std::optional<PathFacts> config_path;  // of the file
  Config config;
  PathFacts data;                  // not of a journal in memory
  std::vector<PathFacts> sockets;  // that are there, or cannot be made
  std::optional<DiskFacts> disk;
  MachineFacts machine;
  std::optional<RunningFacts> running;
};

// Looks at this machine, and at what the configuration names; `configured` is as LoadConfig gave it. Writes a few
// small blocks to a file in the data directory, without a name, and changes nothing else. Blocks. When there are problems
// with the configuration, what depends on it is that of the defaults.
Facts Gather(const CommandLine& command_line, const ConfigResult& configured);

}  // namespace covey::doctor
