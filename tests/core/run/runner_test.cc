#include "covey/runner.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "core/run/run_caught.h"

namespace covey {
namespace {

struct Named final : Runner {
  Status Run(const Context&) override { return Status::Ok(); }
};

struct Odd {};

Status Caught(const std::function<Status()>& work) { return RunCaught(work); }

TEST(Runner, IsNamedByItsType) {
  EXPECT_EQ(Named().Name(), "covey::(anonymous namespace)::Named");
  EXPECT_EQ(Func([](const Context&) { return Status::Ok(); }, "given").Name(), "given");
  EXPECT_NE(Func([](const Context&) { return Status::Ok(); }).Name().find("lambda"), std::string::npos);
}

TEST(RunCaught, PassesTheStatusOn) {
  EXPECT_TRUE(Caught([] { return Status::Ok(); }).ok());
  EXPECT_EQ(Caught([] { return Status::Error("broken", 3); }).failure().code, 3);
}

TEST(RunCaught, MakesAFailureOfAnyException) {
  const Status error = Caught([]() -> Status { throw std::out_of_range("index 7 of 5"); });
  EXPECT_EQ(error.kind(), FailureKind::kPanic);
  EXPECT_EQ(error.message(), "std::out_of_range: index 7 of 5");
  EXPECT_FALSE(error.failure().detail.empty());
  EXPECT_EQ(Caught([]() -> Status { throw 42; }).message(), "int");
  EXPECT_EQ(Caught([]() -> Status { throw Odd(); }).message(), "covey::(anonymous namespace)::Odd");
  EXPECT_EQ(Caught([]() -> Status { throw "text"; }).message(), "char const*: text");
  EXPECT_EQ(Caught([]() -> Status { throw std::string("text"); }).message(), "std::string: text");
}

TEST(RunCaughtDeathTest, WithoutRecoverTheProgramEnds) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(static_cast<void>(RunCaught([]() -> Status { throw std::runtime_error("fatal"); }, false)),
               "std::runtime_error");
}

}  // namespace
}  // namespace covey
