#pragma once

#include <unistd.h>

#include <atomic>
#include <functional>
#include <thread>
#include <utility>

#include "core/process/proc_fs.h"
#include "tests/core/base/gate.h"

namespace covey {

// True while this thread of ours waits in the kernel: for a lock, a condition or a pipe.
inline bool Asleep(pid_t thread) {
  const auto stat = procfs::ReadStat(thread, nullptr);
  return stat && stat->state == 'S';
}

// A thread that a test can see come to rest. Joined at the end of its scope.
class WatchedThread {
 public:
  explicit WatchedThread(std::function<void()> body)
      : thread_([this, body = std::move(body)] {
          id_ = ::gettid();
          body();
          returned_ = true;
        }) {}
  ~WatchedThread() { thread_.join(); }
  WatchedThread(const WatchedThread&) = delete;
  WatchedThread& operator=(const WatchedThread&) = delete;

  // Waits until `body` has returned or waits for something itself; false when it did neither in time.
  bool ComesToRest() const {
    return Eventually([this] { return returned_ || (id_ != 0 && Asleep(id_)); });
  }
  bool returned() const { return returned_; }

 private:
  std::atomic<pid_t> id_ = 0;
  std::atomic<bool> returned_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace covey
