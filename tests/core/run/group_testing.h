#pragma once

#include <functional>
#include <utility>

#include "core/base/mutex.h"
#include "covey/runner.h"

namespace covey {

inline Status Succeed(const Context&) { return Status::Ok(); }
inline Status Fail(const Context&) { return Status::Error("failed", 3); }
// Ends with its context.
inline Status Linger(const Context& context) {
  context.Wait();
  return context.cause();
}

// Keeps `done` for the test.
class Held final : public AsyncRunner {
 public:
  void Start(const Context&, std::function<void(Status)> done) override {
    MutexLock lock(mutex_);
    done_ = std::move(done);
  }
  std::function<void(Status)> Take() {
    MutexLock lock(mutex_);
    return std::exchange(done_, nullptr);
  }

 private:
  Mutex mutex_;
  std::function<void(Status)> done_ COVEY_GUARDED_BY(mutex_);
};

struct Dropper final : AsyncRunner {
  void Start(const Context&, std::function<void(Status)>) override {}
};

}  // namespace covey
