#include "core/process/signal_members.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/base/unique_fd.h"

namespace covey {
namespace {

constexpr size_t kPinnedAtOnce = 64;
constexpr unsigned kWholeGroup = 4;  // PIDFD_SIGNAL_PROCESS_GROUP of <linux/pidfd.h>

}  // namespace

bool SignalMembers::Send(std::vector<pid_t> members, const Still& still) {
  // Leaders first: their groups get the signals as one.
  std::partition(members.begin(), members.end(), [](pid_t pid) { return ::getpgid(pid) == pid; });
  bool complete = true;
  for (size_t begin = 0; begin < members.size(); begin += kPinnedAtOnce) {
    const auto from = members.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto to = from + static_cast<std::ptrdiff_t>(std::min(kPinnedAtOnce, members.size() - begin));
    complete = SendSome({from, to}, still) && complete;
  }
  return complete;
}

bool SignalMembers::SendSome(const std::vector<pid_t>& members, const Still& still) {
  std::vector<std::pair<pid_t, UniqueFd>> pinned;
  std::vector<pid_t> pids;
  bool complete = true;
  for (const pid_t pid : members) {
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd) {
      complete = complete && errno == ESRCH;
      continue;
    }
    pids.push_back(pid);
    pinned.emplace_back(pid, std::move(pidfd));
  }
  // A pidfd pins whoever had the pid when it was opened. Only if the pid is a member's even now is that a
  // member, or dead.
  std::vector<pid_t> now = still(pids);
  std::sort(now.begin(), now.end());
  for (const auto& [pid, pidfd] : pinned) {
    if (!std::binary_search(now.begin(), now.end(), pid)) continue;
    const pid_t group = ::getpgid(pid);
    if (group > 0 && signalled_.contains(group)) continue;
    if (group == pid && SendAll(pidfd.get(), kWholeGroup)) {
      signalled_.insert(group);
    } else {
      SendAll(pidfd.get(), 0);
    }
  }
  return complete;
}

bool SignalMembers::SendAll(int pidfd, unsigned flags) const {
  bool sent = true;
  for (const int signal : signals_) {
    sent = ::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, flags) == 0 && sent;
  }
  return sent;
}

}  // namespace covey
