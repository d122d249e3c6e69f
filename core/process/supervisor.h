#pragma once

#include <sys/resource.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/process/account.h"
#include "core/process/process.h"
#include "covey/result.h"

namespace covey {

// Starts processes and answers for their whole trees: a root that has ended leaves nothing behind but what
// still writes to its pipes, and that for a moment (ProcessSpec::linger); a root that is stopped takes
// everything with it.
//
// A process is attributed to a tree by the cgroup of the tree where cgroup v2 can be used. Elsewhere orphans
// are adopted, and a process is attributed by descent, by the session of the root, or by the token in its
// environment; README.md has the limits of that.
//
// A stop signal goes to the whole tree, followed by SIGCONT. The grace lasts until the tree is empty; SIGKILL goes
// to what is left of it then, the root or not.
//
// Lifetime: the destructor cancels what is queued, kills what runs, waits until it is gone and joins the
// threads. It must not run on a listener's call.
// Thread safety: every method may be called from any thread, and from listeners.
//
// What cannot be started for want of descriptors, memory or processes is no failure: it waits, and is tried again
// until it is started or stopped.
//
// Invariants:
// 1. Each Start leads to exactly one OnGone, and nothing of that tree runs then.
// 2. All threads live as long as the supervisor: those that start processes (a parent-death signal is bound to
//    the thread that started the process) and the loop. A slow file system delays starts, never output, stops
//    or ends; one that hangs delays those of others by spawn_patience.
// 3. Only pids that were started here, or adopted from them, are ever signalled or reaped.
class ProcessSupervisor {
 public:
  static constexpr size_t kDescriptorsEach = 6;  // pidfd, three pipes, directory and events of its cgroup

  struct Options {
    bool use_cgroups = true;
    // Makes limits on trees possible where cgroups have controllers; see CgroupPool::EnableControllers for
    // what it takes: this program may move to another cgroup.
    bool enable_controllers = false;
    std::string cgroup_root;  // directory of a cgroup2 file system to work below; empty: our own cgroup
    // Makes this program a subreaper, the new parent of orphans below it, while the supervisor lives. Then
    // no other supervisor may live in it, its main thread must not end first, and what that thread starts by
    // itself must stay in the session of the program. The same holds without this option when the program
    // is a subreaper or pid 1 already.
    bool become_subreaper = false;
    // Threads that start processes; each stands still while its child executes its program, so one alone
    // would leave processors idle. 0: one for each processor, 2 to 8.
    unsigned spawn_threads = 0;
    // When each of these hangs in a start for so long (a program or a directory on a file system that does not
    // answer) while more is to be started, one more thread is, up to 8 more.
    std::chrono::milliseconds spawn_patience{1000};
    // So many processes at once; more wait until one has ended. 0: as many as there are descriptors for (each
    // takes kDescriptorsEach at most).
    size_t most_at_once = 0;
    std::string token_variable = "COVEY_TASK";
    // Where to keep which roots run while there are no cgroups, for KillLeftovers after a sudden death of this
    // program (leftovers.h); empty: nowhere.
    std::string root_record;
    // Soft limit of open files for children that have none of their own; none: that of this program.
    std::optional<rlim_t> open_files;
    std::function<void(std::string_view)> log;  // what an administrator should know; from any thread
  };

  // kFailedPrecondition, with the reason, when processes cannot be supervised here: there are neither cgroups
  // nor adopted orphans, pidfds are missing (Linux before 5.4), SIGCHLD is ignored (so that the kernel throws
  // the results away), or another supervisor adopts orphans.
  static Result<std::unique_ptr<ProcessSupervisor>> Create(const Options& options);
  ~ProcessSupervisor();
  ProcessSupervisor(const ProcessSupervisor&) = delete;
  ProcessSupervisor& operator=(const ProcessSupervisor&) = delete;

  // Never blocks. The listener may be called before this returns. `token`: a value of the token variable that
  // no other process gets; empty for none. `env`: instead of that of the spec, which so can be shared.
  ProcessId Start(std::shared_ptr<const ProcessSpec> spec, std::string token,
                  std::shared_ptr<ProcessListener> listener, std::optional<Variables> env = std::nullopt);
  // The stop signal now, SIGKILL after the grace. One that is not started yet never will be. Again, or
  // when the process is gone: nothing.
  void Stop(ProcessId id);
  // SIGKILL now.
  void Kill(ProcessId id);
  // SIGKILL now, to all that were started; those that are not started yet never will be.
  void KillAll();
  // Its listener has room for output again (ProcessListener::OutputRoom).
  void Resume(ProcessId id);

  // Why `spec` could not be started here: what it asks for is not known or may not be given (user, group,
  // niceness, limits). Nothing: it may be started. Start asks the same. Looks users and groups up, which may
  // block, when CheckMayBlock(spec).
  std::optional<StartProblem> Check(const ProcessSpec& spec) const;
  static bool CheckMayBlock(const ProcessSpec& spec);

  // The cgroup controllers that limits of trees can use here: some of cpu, memory, pids.
  const std::vector<std::string>& controllers() const;

  // How processes are attributed here, and why not better: "cgroup v2 (/sys/fs/cgroup/…)", or "subreaper +
  // /proc walk (no cgroups: …)".
  const std::string& mechanism() const;

 private:
  class Impl;
  explicit ProcessSupervisor(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace covey
