#pragma once

#include <pthread.h>
#include <signal.h>

#include <thread>
#include <utility>

namespace covey {

// A thread that no signal of the program goes to, and whose children start with every signal blocked.
template <typename Run>
std::thread StartQuietThread(Run run) {
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(run));
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace covey
