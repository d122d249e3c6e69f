#pragma once

#include <sys/types.h>

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

  // Reaps the dead and returns the living.
  std::vector<procfs::Stat> Scan(procfs::Missed* missed);
  // Waits up to a second for orphans that are ending. No program is cut short by this.
  void ReapRest();

 private:
  // Appends the living; true when a dead one was reaped.
  bool Pass(std::vector<procfs::Stat>* living, procfs::Missed* missed);

  const pid_t session_;
  UniqueFd children_;  // of the main thread; read once for each root that ends, so kept open
};

}  // namespace covey
