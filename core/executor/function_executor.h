#pragma once

#include "core/executor/executor.h"
#include "core/run/thread_set.h"
#include "covey/function_registry.h"
#include "covey/timer_queue.h"

namespace covey {

// Runs registered functions on threads of its own, one each. An exception that leaves one is a failure of
// kind panic. A function that ignores its context keeps its slot until it returns.
class FunctionExecutor final : public Executor {
 public:
  // `timers`: the clock of the deadlines that functions are shown; default: the monotonic one.
  explicit FunctionExecutor(std::shared_ptr<const FunctionRegistry> registry,
                            std::shared_ptr<TimerQueue> timers = nullptr);

  std::shared_ptr<Execution> Start(const Launch& launch, std::shared_ptr<AttemptListener> listener) override;

 private:
  const std::shared_ptr<const FunctionRegistry> registry_;
  const std::shared_ptr<TimerQueue> timers_;
  const std::shared_ptr<ThreadSet> threads_;
};

}  // namespace covey
