#pragma once

#include <sys/types.h>

#include <functional>
#include <vector>

#include "core/base/unique_fd.h"
#include "core/process/proc_fs.h"

namespace covey {

// The orphans that the kernel has handed to this process, being a subreaper or pid 1.
//
// They become children of our main thread, which must therefore not end before the process. What our program
// itself starts from its main thread must stay in our session: an orphan is recognised by another session,
// since the root of every tree leaves ours and nothing can come back to it. Thread safety: one thread at a
// time.
class AdoptedOrphans {
 public:
  AdoptedOrphans();

  // False: this kernel does not list children in /proc (CONFIG_PROC_CHILDREN), so orphans cannot be found.
  bool ok() const { return static_cast<bool>(children_); }

  using Skip = std::function<bool(pid_t)>;

  // Reaps the dead and returns the living, without looking at those that `skip` (may be empty) names. `reaped` gets
  // the pids that are free now.
  std::vector<procfs::Stat> Scan(const Skip& skip, std::vector<pid_t>* reaped, procfs::Missed* missed);
  // Waits up to a second for orphans that are ending. No program is cut short by this.
  void ReapRest();

 private:
  // Appends the living; true when a dead one was reaped.
  bool Pass(const Skip& skip, std::vector<procfs::Stat>* living, std::vector<pid_t>* reaped,
            procfs::Missed* missed);

  const pid_t session_;
  UniqueFd children_;  // of the main thread; read once for each root that ends, so kept open
};

}  // namespace covey
