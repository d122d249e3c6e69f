#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/unique_fd.h"

// The directory of one cgroup (version 2), given as an open descriptor, and all that is below it. Any
// directory with files of these names will do.
namespace covey::cgroup_directory {

// Not among the standard streams; none on errors, and errno says why.
UniqueFd Open(int at, const char* name);

// The names of the cgroups directly below it.
std::vector<std::string> Below(int directory);

// Whether the events file, open as `events`, has `line`. False too once the cgroup is removed, and only an
// empty one can be.
bool HasFlag(int events, std::string_view line);
bool Populated(int directory);

// The processes in it and below it, without zombies.
std::vector<int> Members(int directory);

// SIGKILL to every process in it and below it, by cgroup.kill. Where that file is missing (Linux before 5.14)
// it goes to each member by pidfd; what is forked just then is missed, so that it must be repeated until
// nothing is populated. False: it was not sent, or not to all, for want of descriptors.
bool Kill(int directory);

// Removes it and what is below it. False while processes are in it.
bool Remove(int at, const char* name);

}  // namespace covey::cgroup_directory
