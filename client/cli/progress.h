#pragma once

#include <chrono>
#include <cstdint>
#include <thread>

#include "client/cli/console.h"
#include "core/base/mutex.h"
#include "covey/v1/types.pb.h"

namespace covey::cli {

// The status line of a running group: how many tasks are done, run, failed, and for how long it runs. Lives
// as long as the line is to be shown; redraws it ten times a second on a thread of its own. Does nothing
// unless standard error is a terminal. All methods are thread-safe.
class Progress {
 public:
  explicit Progress(Console& console);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  // Takes the line away.
  ~Progress();

  void Count(const v1::Event& event);

 private:
  void Draw();

  Console& console_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();

  // Taken before the console's lock.
  Mutex mutex_;
  CondVar stopped_;
  bool stop_ COVEY_GUARDED_BY(mutex_) = false;
  bool stopping_ COVEY_GUARDED_BY(mutex_) = false;  // the group is decided
  uint64_t submitted_ COVEY_GUARDED_BY(mutex_) = 0;
  uint64_t running_ COVEY_GUARDED_BY(mutex_) = 0;
  uint64_t done_ COVEY_GUARDED_BY(mutex_) = 0;
  uint64_t failed_ COVEY_GUARDED_BY(mutex_) = 0;

  std::thread thread_;
};

}  // namespace covey::cli
