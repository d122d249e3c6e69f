#pragma once

#include <sys/types.h>

#include <functional>
#include <set>
#include <utility>
#include <vector>

namespace covey {

// Sends signals to processes that were found by their pids, and to nobody who may have got one of these pids
// since. Where the kernel can (Linux 6.9) a process group whose leader is a member gets them as one, so that
// what is forked just then is not missed; elsewhere each member gets them by itself.
//
// Thread safety: one thread at a time.
class SignalMembers {
 public:
  // Of some pids those that are still members; called while the processes that have these pids are pinned.
  using Still = std::function<std::vector<pid_t>(const std::vector<pid_t>&)>;

  // In this order.
  explicit SignalMembers(std::vector<int> signals) : signals_(std::move(signals)) {}

  // Members of this process group have got the signals already.
  void Skip(pid_t group) { signalled_.insert(group); }
  // False: some could not be reached for want of descriptors.
  bool Send(std::vector<pid_t> members, const Still& still);

 private:
  bool SendSome(const std::vector<pid_t>& members, const Still& still);
  bool SendAll(int pidfd, unsigned flags) const;

  const std::vector<int> signals_;
  std::set<pid_t> signalled_;  // process groups
};

}  // namespace covey
