#pragma once

#include <gtest/gtest.h>

#include "tests/server/check/expect.h"

namespace covey {

inline constexpr size_t kMiB = 1 << 20;

// A request with one task, for tests to spoil.
class SpecTest : public ::testing::Test {
 protected:
  SpecTest() {
    request_.mutable_spec();
    task_ = request_.add_tasks();
    task_->mutable_process()->add_argv("true");
    process_ = task_->mutable_process();
  }
  v1::FunctionSpec& Function() { return *task_->mutable_function(); }

  v1::CreateGroupRequest request_;
  v1::TaskSpec* task_ = nullptr;
  v1::ProcessSpec* process_ = nullptr;
};

}  // namespace covey
