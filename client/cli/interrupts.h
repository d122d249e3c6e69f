#pragma once

#include <functional>
#include <thread>

#include <signal.h>

namespace covey::cli {

// Turns SIGINT and SIGTERM into one call and then an exit: the first signal calls `on_first(signal)` on a
// thread of its own, a second one ends the program at once with 128 + its number, `on_leave` having been called.
//
// Made before any other thread of the program: the signals are blocked for this thread and those that it
// starts. Signals that were ignored when the program started (as for a job in the background of a script)
// stay ignored.
class Interrupts {
 public:
  Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;
  ~Interrupts();

  // Listens from now on; a signal that came before is not lost. Called once.
  void Start(
      std::function<void(int signal)> on_first, std::function<void()> on_leave = [] {});
  // Listens no more: `on_first` is not running when it returns, and signals that come later stay pending.
  void Stop();

 private:
  void Listen();

  sigset_t signals_{};
  int stop_fd_ = -1;
  std::function<void(int)> on_first_;
  std::function<void()> on_leave_;
  std::thread thread_;
};

}  // namespace covey::cli
