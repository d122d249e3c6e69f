#include "core/base/own_thread.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

namespace covey {
namespace {

// Every signal but those of a fault of the thread itself, and that of a profiler.
sigset_t MeantForTheProgram() {
  sigset_t signals;
  ::sigfillset(&signals);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF}) {
    ::sigdelset(&signals, fault);
  }
  return signals;
}

void TakeTheProgramsNiceness() {
  errno = 0;
  const int wanted = ::getpriority(PRIO_PROCESS, static_cast<id_t>(::getpid()));
  if (wanted == -1 && errno != 0) return;
  errno = 0;
  if (::getpriority(PRIO_PROCESS, 0) != wanted) static_cast<void>(::setpriority(PRIO_PROCESS, 0, wanted));
}

// Restores the mask also when the thread cannot be started.
class Blocked {
 public:
  explicit Blocked(const sigset_t& signals) { ::pthread_sigmask(SIG_SETMASK, &signals, &before_); }
  ~Blocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  Blocked(const Blocked&) = delete;
  Blocked& operator=(const Blocked&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

std::thread StartOwnThread(std::function<void()> run) {
  const Blocked blocked(MeantForTheProgram());
  return std::thread([run = std::move(run)] {
    TakeTheProgramsNiceness();
    run();
  });
}

}  // namespace covey
