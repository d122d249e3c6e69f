#pragma once

#include <cstdint>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/output/output_store.h"

namespace covey {

// One listener and whether it may still be called.
class Subscriber {
 public:
  using Callback = std::function<void(uint32_t task, uint32_t attempt, OutputStream stream)>;

  explicit Subscriber(Callback changed) : changed_(std::move(changed)) {}

  // Calls it unless it is cancelled. From any number of threads at once.
  void Call(uint32_t task, uint32_t attempt, OutputStream stream) COVEY_EXCLUDES(mutex_);
  // No call begins afterwards, and none is under way on another thread.
  void Cancel() COVEY_EXCLUDES(mutex_);

 private:
  const Callback changed_;
  Mutex mutex_;  // a leaf; not held during a call
  CondVar idle_;
  bool cancelled_ COVEY_GUARDED_BY(mutex_) = false;
  std::vector<std::thread::id> callers_ COVEY_GUARDED_BY(mutex_);
};

}  // namespace covey
