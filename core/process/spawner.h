#pragma once

#include <sys/resource.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/unique_fd.h"
#include "core/process/account.h"
#include "core/process/cgroup.h"
#include "core/process/clone.h"
#include "core/process/process.h"
#include "core/process/shortage.h"
#include "covey/result.h"

namespace covey {

// Why a process could not be started: 127 when the program was not found, else 126. With a shortage nothing of it
// has run, and it may be tried again.
struct SpawnError {
  int code = 126;
  std::string message;
  Shortage shortage = Shortage::kNone;
};

// Our ends of a child that has executed its program.
struct SpawnedChild {
  pid_t pid = -1;
  UniqueFd pidfd;
  UniqueFd stdin_pipe;  // none when all of stdin is written already
  UniqueFd stdout_pipe;
  UniqueFd stderr_pipe;
  size_t stdin_written = 0;
};

// Starts processes without ever copying the memory of this one, nor its table of descriptors: three
// descriptors with low numbers are kept for what the next child gets, and the child's own table begins with a
// copy of these few (close_range with CLOSE_RANGE_UNSHARE). So the cost does not grow with what is open.
//
// Lifetime: the parent-death signal of a child is bound to the thread that started it, so that thread must
// outlive all children.
// Thread safety: one thread, with every signal blocked.
class Spawner {
 public:
  struct Options {
    CloneWay way = CloneWay::kClone3;  // the best way to try; the next ones follow where it is refused
    bool share_descriptors = true;     // false: as on kernels without close_range
    std::optional<rlim_t> open_files;  // soft limit for the children that say nothing; none: ours
  };

  explicit Spawner(const Options& options);
  Spawner(const Spawner&) = delete;
  Spawner& operator=(const Spawner&) = delete;

  // Finds the way that works here by starting a child that ends at once, in `cgroup` if one is given. To be
  // called before anything is started.
  Result<Void> Probe(const Cgroup* cgroup);

  // `extra`: one more variable, in place of one of the same name; its name may be empty for none.
  // `account`: who the child runs as, as StartRules has found; nothing: as we do. With the `user` of the spec
  // it also gives HOME, USER, LOGNAME and SHELL, unless `env` does.
  // `cgroup`: what to put the child in; may be null.
  // `env`: instead of that of the spec; null: that.
  std::optional<SpawnError> Spawn(const ProcessSpec& spec, const std::pair<std::string, std::string>& extra,
                                  const std::optional<Account>& account, const Cgroup* cgroup,
                                  SpawnedChild* child, const Variables* env = nullptr);

 private:
  bool Try(CloneWay way, const Cgroup* cgroup, std::string* why);
  void PrepareArguments(const ProcessSpec& spec, const Variables& env,
                        const std::pair<std::string, std::string>& extra,
                        const std::optional<Account>& account);
  bool FillSlot(int index, int fd);
  void EmptySlots();

  const Options options_;
  CloneWay way_;
  bool share_descriptors_;
  ChildStack stack_;
  UniqueFd null_;
  UniqueFd slots_[3];  // hold null_ between starts
  int highest_slot_ = -1;

  // Used again by each start.
  std::vector<std::string> environment_;
  std::vector<std::string> candidates_;
  std::vector<char*> argv_;
  std::vector<char*> envp_;
  std::vector<const char*> candidate_pointers_;
};

}  // namespace covey
