#include <gtest/gtest.h>

#include "core/executor/executor.h"
#include "tests/core/executor/recorder.h"

namespace covey::testing {
namespace {

class Idle final : public Executor {
 public:
  std::shared_ptr<Execution> Start(const Launch&, std::shared_ptr<AttemptListener>) override {
    return nullptr;
  }
};

TEST(ExecutorTable, EachKindHasItsOwn) {
  const auto functions = std::make_shared<Idle>();
  const auto processes = std::make_shared<Idle>();
  const auto seventh = std::make_shared<Idle>();
  ExecutorTable table;
  table.Set<FunctionSpec>(functions);
  table.Set<std::shared_ptr<const ProcessSpec>>(processes);
  table.SetOpaque(7, seventh);
  EXPECT_EQ(&table.For({.work = FunctionSpec()}), functions.get());
  EXPECT_EQ(&table.For({.work = std::make_shared<const ProcessSpec>()}), processes.get());
  EXPECT_EQ(&table.For({.work = OpaqueSpec{.kind = 7}}), seventh.get());
}

TEST(ExecutorTable, WorkOfAKindThatNobodyRunsFails) {
  ExecutorTable table;
  table.SetOpaque(7, std::make_shared<Idle>());
  const TaskSpec spec{.work = OpaqueSpec{.kind = 8}};
  const auto recorder = std::make_shared<Recorder>();
  table.For(spec).Start({.spec = std::make_shared<const TaskSpec>(spec)}, recorder)->Stop({});
  EXPECT_EQ(recorder->Exit().message(), "this version of the daemon knows no work of kind 8");
}

}  // namespace
}  // namespace covey::testing
