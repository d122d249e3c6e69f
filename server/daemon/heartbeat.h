#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "core/base/mutex.h"

namespace covey {

// Tells that the daemon is alive, for as long as it is: before each beat every part has to answer a probe. A
// part that hangs ends the beats, however well the rest does.
//
// Thread safety: construction and destruction from one thread; answers from any.
// Invariant: at most one round of probes is under way, so that an answer always belongs to the newest.
class Heartbeat {
 public:
  // Calls the function it is given once, from any thread, when the part works; or never.
  using Probe = std::function<void(std::function<void()> answer)>;

  // A beat each `interval` from a thread of its own; 0: none, Look is called by hand.
  Heartbeat(std::chrono::microseconds interval, std::vector<Probe> parts, std::function<void()> beat);
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  // Beats when every part has answered, and asks all again; does nothing while an answer is missing.
  void Look();

 private:
  void Loop(std::chrono::microseconds interval) COVEY_EXCLUDES(mutex_);

  const std::vector<Probe> parts_;
  const std::function<void()> beat_;
  const std::shared_ptr<std::atomic<size_t>> missing_;  // answers; parts may answer when this is gone

  Mutex mutex_;
  CondVar stopped_;
  bool stop_ COVEY_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace covey
