#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <thread>

#include "core/base/mutex.h"

namespace covey {

// The one bound on waiting in tests: nothing that is right takes so long.
inline constexpr std::chrono::seconds kTestPatience{30};

// How many times fewer rounds a test takes where every access to memory is watched.
#if defined(__SANITIZE_THREAD__)
inline constexpr int kFewer = 10;
#else
inline constexpr int kFewer = 1;
#endif

// Opens when Open was called `count` times; whoever waits in vain ends the test program. (Not std::latch and
// std::barrier: those of GCC 12 lose wake-ups.)
class Gate {
 public:
  explicit Gate(int count = 1) : closed_(count) {}

  void Open() {
    MutexLock lock(mutex_);
    if (--closed_ == 0) opened_.NotifyAll();
  }
  void Wait() {
    const auto until = std::chrono::steady_clock::now() + kTestPatience;
    MutexLock lock(mutex_);
    while (closed_ > 0) {
      if (!opened_.WaitUntil(mutex_, until) && closed_ > 0) {
        std::cerr << "the gate stays closed: " << closed_ << " missing" << std::endl;
        std::abort();
      }
    }
  }
  // Waits until all have come here.
  void OpenAndWait() {
    Open();
    Wait();
  }
  bool open() {
    MutexLock lock(mutex_);
    return closed_ <= 0;
  }

 private:
  Mutex mutex_;
  CondVar opened_;
  int closed_ COVEY_GUARDED_BY(mutex_);
};

// Polls until `condition` holds; false when it did not in time.
inline bool Eventually(const std::function<bool()>& condition) {
  const auto until = std::chrono::steady_clock::now() + kTestPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace covey
