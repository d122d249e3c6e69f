#pragma once

#include <signal.h>

#include <chrono>
#include <string>

namespace covey {

// Looks after a start that takes its time: the service manager hears that it goes on, and a signal that asks the
// daemon to stop ends it.
//
// Thread safety: none; the signals that it looks for are blocked.
class StartWatch {
 public:
  // One that goes on for longer than that is told of as often; it may be silent for kPatience.
  static constexpr std::chrono::seconds kTellEvery{1};
  static constexpr std::chrono::seconds kPatience{30};

  explicit StartWatch(const sigset_t& signals);

  // Called as often as the start gets somewhere, or waits; `status` says where it is. False: it is to end.
  bool GoOn(const std::string& status);
  // The signal that has asked the daemon to stop; 0: none has.
  int StopSignal();

 private:
  using Clock = std::chrono::steady_clock;

  sigset_t stops_;
  int stop_signal_ = 0;
  Clock::time_point tell_at_ = Clock::now() + kTellEvery;
};

}  // namespace covey
