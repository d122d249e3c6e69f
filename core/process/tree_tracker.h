#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "core/process/cgroup_pool.h"
#include "core/process/process.h"

namespace covey {

// One tree of processes: its root, and what its members are identified by.
struct Tree {
  ProcessId id = 0;
  std::string token;         // the value of the token variable; empty: none
  pid_t root = -1;           // once started; not reaped, so that pid, group and session stay its own
  int root_pidfd = -1;       // owned by whoever owns the tree
  uint64_t start_ticks = 0;  // every member started at or after this
  std::unique_ptr<Cgroup> cgroup;
  std::map<pid_t, uint64_t> members;  // found by descent, with their start_ticks
  std::set<pid_t> doomed;             // members that were killed
  int doubts = 0;                     // looks that could not attribute some process
};

// While a process executes a program its environment cannot be read, so that it cannot be attributed. Such a
// doubt keeps a tree from being gone, but for a few seconds only: the file system of the program may hang.
constexpr int kMostDoubts = 100;

// SIGKILL to the root and its process group. Needs no descriptor.
void KillRootGroup(const Tree& tree);
// The signal, then SIGCONT, to the process group of the root: what a shell runs in the foreground or the
// background gets it too. False: the kernel knows no such signal.
bool StopRootGroup(const Tree& tree, int signal);

// Attributes processes to trees, and kills them.
//
// Thread safety: Prepare, Started and Abandon are called on spawning threads, the rest on the loop's.
// For one tree the calls come in the order Prepare, then Abandon; or Prepare, Started, …, Release.
class TreeTracker {
 public:
  using Log = std::function<void(std::string_view)>;

  virtual ~TreeTracker() = default;

  // Before the clone. False: errno says why no tree can be started.
  virtual bool Prepare(Tree& tree) = 0;
  virtual void Started(Tree& tree) = 0;
  // Nothing was started.
  virtual void Abandon(Tree& tree) = 0;

  // The stop signal to every member that can be found, whatever its session and process group, root included.
  // SIGCONT follows, since a suspended process must run to receive it. False: the kernel knows no such signal.
  virtual bool Stop(Tree& tree, int signal) = 0;
  // SIGKILL to every member that can be found, root included. False: some could not be reached; call again.
  virtual bool Kill(Tree& tree) = 0;

  struct Sweep {
    bool gone = false;    // no member is left
    uint32_t killed = 0;  // members that got their SIGKILL for the first time
  };
  enum class Leftovers : uint8_t { kMayEnd, kKill };
  // After the root has ended and before it is reaped: looks for what is left, and kills it if it must not end
  // by itself. Repeated until `gone`.
  virtual Sweep SweepLeftovers(Tree& tree, Leftovers leftovers) = 0;
  // The tree is gone.
  virtual void Release(Tree& tree) = 0;

  // Housekeeping, about once a second if NeedsTidying().
  virtual bool NeedsTidying() const { return false; }
  virtual void Tidy() {}
  // The last call, when every tree is gone: waits for orphans that were killed, and reaps them.
  virtual void Finish() {}

  // How processes are attributed, for people.
  virtual std::string Describe() const = 0;
};

// Every tree has a cgroup of its own. `adopts`: this program also gets the orphans, reaps them, and finds among
// them by descent, session and token what has moved itself to another cgroup.
std::unique_ptr<TreeTracker> MakeCgroupTracker(std::unique_ptr<CgroupPool> pool, bool adopts,
                                               std::string token_variable);

// Without cgroups, for a program that gets the orphans (a subreaper, or pid 1): what is left of a tree is
// found below us. A process is attributed by descent, by session, or by `token_variable` in its environment;
// one that shed all three is killed when every tree that could own it has ended, and reported to `log`.
std::unique_ptr<TreeTracker> MakeAdoptingTracker(std::string token_variable, const std::string& root_record,
                                                 TreeTracker::Log log);

}  // namespace covey
