#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>

#include "core/base/error.h"
#include "core/base/mutex.h"
#include "core/base/status.h"

namespace covey {
namespace {

TEST(Status, IsOkByDefault) {
  const Status status;
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(status.kind(), FailureKind::kNone);
  EXPECT_EQ(status.message(), "");
  EXPECT_EQ(status.ToString(), "OK");
}

TEST(Status, SaysTaskKindCodeAndMessage) {
  const Status status =
      Failure{.kind = FailureKind::kExit, .code = 3, .message = "convert: no such file", .task = "resize"};
  EXPECT_FALSE(status);
  EXPECT_EQ(status.ToString(), "task resize: exit 3: convert: no such file");
  EXPECT_EQ(Status::Error("broken").ToString(), "error: broken");
}

TEST(Status, RefusalsAreToldApartByTheirCode) {
  EXPECT_TRUE(Is(ErrClosed(), Rejection::kClosed));
  EXPECT_FALSE(Is(ErrClosed(), Rejection::kDispatchTimeout));
  EXPECT_TRUE(Is(ErrDispatchTimeout(), Rejection::kDispatchTimeout));
  EXPECT_FALSE(Is(Status::Error("closed", static_cast<int32_t>(Rejection::kClosed)), Rejection::kClosed));
  EXPECT_FALSE(Is(Status::Ok(), Rejection::kClosed));
}

TEST(Status, EveryKindHasItsOwnName) {
  std::set<std::string_view> names;
  for (int kind = 0; kind <= 8; ++kind) names.insert(Name(static_cast<FailureKind>(kind)));
  EXPECT_EQ(names.size(), 9u);
  EXPECT_FALSE(names.contains("unknown"));
}

TEST(Status, CopiesCrossThreads) {
  const Status status = Status::Error("shared");
  std::thread thread([copy = status] { EXPECT_EQ(copy.message(), "shared"); });
  { const Status other = status; }
  thread.join();
}

TEST(Result, HoldsAValueOrAnError) {
  Result<int> good = 7;
  EXPECT_TRUE(good.ok());
  EXPECT_EQ(good.value(), 7);
  const Result<int> bad = Error{.code = ErrorCode::kNotFound, .reason = "GROUP_NOT_FOUND"};
  EXPECT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().reason, "GROUP_NOT_FOUND");
}

TEST(Result, EndsTheProgramWhenTheValueIsNotThere) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const Result<int> bad = Error{};
  EXPECT_DEATH(static_cast<void>(bad.value()), "invariant broken: ok");
}

TEST(CondVar, WaitUntilSaysWhetherTheInstantHasPassed) {
  Mutex mutex;
  CondVar changed;
  MutexLock lock(mutex);
  EXPECT_FALSE(changed.WaitUntil(mutex, std::chrono::steady_clock::now() - std::chrono::seconds(1)));
}

TEST(MutexLock, OpensAGap) {
  Mutex mutex;
  int value = 0;
  MutexLock lock(mutex);
  lock.Unlock();
  std::thread([&] {
    MutexLock inner(mutex);
    value = 1;
  }).join();
  lock.Lock();
  EXPECT_EQ(value, 1);
}

}  // namespace
}  // namespace covey
