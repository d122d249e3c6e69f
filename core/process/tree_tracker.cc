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

bool StopRootGroup(const Tree& tree, int signal) {
  if (::kill(-tree.root, signal) != 0) return false;
  ::kill(-tree.root, SIGCONT);
  return true;
}

}  // namespace covey
