#include "core/process/tree_tracker.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace covey {

void KillRootGroup(const Tree& tree) {
  ::syscall(SYS_pidfd_send_signal, tree.root_pidfd, SIGKILL, nullptr, 0);
  // The root leads its session and so cannot leave its group: until it is reaped the number is the tree's.
  ::kill(-tree.root, SIGKILL);
}

}  // namespace covey
