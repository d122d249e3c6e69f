#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/process/process.h"

// The control files of one cgroup (version 2), given as an open directory. Any directory with files of these
// names will do.
namespace covey::cgroup_limits {

// The controllers that limits need: cpu, memory, pids.
bool IsWanted(std::string_view controller);

// The names in `file`: "cgroup.controllers" for what a cgroup has, "cgroup.subtree_control" for what those
// below it get.
std::vector<std::string> Controllers(int directory, const char* file);

// Gives a controller to the cgroups below, or takes it away. 0, or an errno.
int GiveBelow(int directory, std::string_view controller, bool give);

// Writes memory.max (with memory.oom.group where there is one, so that a tree dies as a whole), cpu.max and
// pids.max for those limits that are set. What went wrong, with the file.
std::optional<std::string> Apply(int directory, const ResourceLimits& limits);

// The kernel has killed something here for want of memory.
bool MemoryRanOut(int directory);

}  // namespace covey::cgroup_limits
