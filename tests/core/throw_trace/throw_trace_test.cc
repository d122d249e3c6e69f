#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "covey/run.h"

#include "core/run/run_caught.h"

namespace covey {

// Not in an anonymous namespace and not inlined: each is a frame with a name.
[[gnu::noinline]] Status ThrowsFromHere(int value) {
  if (value > 0) throw std::runtime_error("deep");
  return Status::Ok();
}

[[gnu::noinline]] Status CallsTheThrower(int value) {
  Status status = ThrowsFromHere(value);
  return status.ok() ? Status::Error("not reached") : status;
}

struct ThrowsWhileItEnds {
  ~ThrowsWhileItEnds() {
    try {
      throw 1;
    } catch (int) {
    }
  }
};

namespace {

TEST(ThrowTrace, APanicNamesTheThrowSite) {
  Group group;
  ASSERT_TRUE(group.Go([](const Context&) { return CallsTheThrower(1); }, "t").ok());
  const Status status = group.Wait();
  const std::string& stack = status.failure().detail;
  ASSERT_EQ(stack.substr(0, 3), "#0 ") << stack;
  const size_t thrower = stack.find("ThrowsFromHere");
  const size_t caller = stack.find("CallsTheThrower");
  ASSERT_NE(thrower, std::string::npos) << stack;
  ASSERT_NE(caller, std::string::npos) << stack;
  EXPECT_LT(thrower, caller);
  EXPECT_LT(thrower, stack.find('\n')) << "it is the first frame";
  EXPECT_EQ(stack.find("RunCaught"), std::string::npos) << "what is below is covey's own";
  EXPECT_EQ(stack.find("covey::detail"), std::string::npos) << stack;
}

TEST(ThrowTrace, SeesWhatTheStandardLibraryThrows) {
  const Status status = RunCaught([] {
    const std::vector<int> empty;
    return Status::Error(std::to_string(empty.at(7)));
  });
  EXPECT_EQ(status.kind(), FailureKind::kPanic);
  const std::string& stack = status.failure().detail;
  EXPECT_NE(stack.find("throw_trace_test.cc:"), std::string::npos) << stack;
  EXPECT_EQ(stack.find("run_caught"), std::string::npos) << "what is below is covey's own: " << stack;
}

TEST(ThrowTrace, IsNotMisledByAThrowDuringUnwinding) {
  const Status status = RunCaught([] {
    const ThrowsWhileItEnds local;
    return CallsTheThrower(1);
  });
  EXPECT_NE(status.failure().detail.find("ThrowsFromHere"), std::string::npos) << status.failure().detail;
}

TEST(ThrowTrace, KeepsTheFirstSiteOfARethrow) {
  const Status status = RunCaught([] {
    try {
      return CallsTheThrower(1);
    } catch (...) {
      throw;
    }
  });
  EXPECT_NE(status.failure().detail.find("ThrowsFromHere"), std::string::npos) << status.failure().detail;
}

TEST(ThrowTrace, SaysWhenThereIsNoStack) {
  const Status status = RunCaught(
      []() -> Status { std::rethrow_exception(std::make_exception_ptr(std::runtime_error("made"))); });
  EXPECT_EQ(status.failure().detail.substr(0, 9), "no stack:") << status.failure().detail;
}

TEST(ThrowTrace, LeavesOtherThrowsAlone) {
  EXPECT_THROW(static_cast<void>(ThrowsFromHere(1)), std::runtime_error);
}

TEST(ThrowTrace, FiftyThreadsPanicAtOnce) {
  Group group({.policy = Policy::kAllSettled});
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(group.Go([](const Context&) { return CallsTheThrower(1); }).ok());
  }
  EXPECT_FALSE(group.Wait().ok());
  for (const Failure& failure : group.failures()) {
    EXPECT_NE(failure.detail.find("ThrowsFromHere"), std::string::npos) << failure.detail;
  }
  EXPECT_EQ(group.failures().size(), 50u);
}

}  // namespace
}  // namespace covey
