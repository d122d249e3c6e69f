#include <pthread.h>

#include <csignal>
#include <cstring>
#include <string>

#include "core/base/own_thread.h"
#include "covey/context.h"

namespace covey {
namespace {

// Ends the program as the signal does where nobody has asked for it.
void EndBy(int signal) {
  struct sigaction by_default {};
  by_default.sa_handler = SIG_DFL;
  ::sigaction(signal, &by_default, nullptr);
  sigset_t only;
  ::sigemptyset(&only);
  ::sigaddset(&only, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
  ::raise(signal);
}

}  // namespace

Context SignalContext(std::initializer_list<int> signals) {
  sigset_t wanted;
  ::sigemptyset(&wanted);
  for (const int signal : signals) ::sigaddset(&wanted, signal);
  ::pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
  Context context = Context::Background().WithCancel();
  StartOwnThread([context, wanted] {
    for (;;) {
      int signal = 0;
      if (::sigwait(&wanted, &signal) != 0) continue;
      const char* const name = ::sigabbrev_np(signal);
      const bool first = context.Cancel(
          {.kind = FailureKind::kCancelled,
           .code = signal,
           .message = name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(signal)});
      if (!first) EndBy(signal);
    }
  }).detach();
  return context;
}

}  // namespace covey
