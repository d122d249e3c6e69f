#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/unique_fd.h"
#include "covey/result.h"

// Where the cgroups of a program can be made, and what dead programs left there.
namespace covey::cgroup_place {

using Log = std::function<void(std::string_view)>;

// Our own cgroup as each cgroup2 mount shows it (one at /sys/fs/cgroup, or, beside version 1, at
// /sys/fs/cgroup/unified). Empty: there is no such mount.
std::vector<std::string> OwnCgroups();

// A new directory below `parent`, `covey-<owner>-<count>`, locked with flock for as long as it is open. One that can
// be locked has no living owner that has got so far.
struct Claim {
  std::string path;
  UniqueFd directory;
};
Result<Claim> ClaimBelow(const std::string& parent);

// Removes what is left below `parent` of owners that are gone. Processes in it are killed only if the owner is known
// to be dead: one of another pid namespace cannot be looked up, and neither can one of an earlier version.
void RemoveStale(const std::string& parent, const Log& log);

// The program out of its cgroup, into a new one below it, while this lives. A cgroup that gives controllers
// may hold no process.
class MovedAside {
 public:
  // `place`: our cgroup. Null when other programs are in it, or we may not.
  static std::unique_ptr<MovedAside> From(int place);
  // Back again, as far as others let us.
  ~MovedAside();
  MovedAside(const MovedAside&) = delete;
  MovedAside& operator=(const MovedAside&) = delete;

 private:
  MovedAside(UniqueFd place, std::string name);

  const UniqueFd place_;
  const std::string name_;
};

}  // namespace covey::cgroup_place
