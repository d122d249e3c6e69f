#pragma once

#include "core/executor/executor.h"
#include "core/executor/function_registry.h"

namespace covey {

// Runs registered functions on the threads of the group's pool. An exception that leaves one is a failure of
// kind panic. A function that ignores its context keeps its slot until it returns.
class FunctionExecutor final : public Executor {
 public:
  explicit FunctionExecutor(std::shared_ptr<const FunctionRegistry> registry)
      : registry_(std::move(registry)) {}

  std::shared_ptr<Execution> Start(const Launch& launch, std::shared_ptr<AttemptListener> listener) override;

 private:
  const std::shared_ptr<const FunctionRegistry> registry_;
};

}  // namespace covey
