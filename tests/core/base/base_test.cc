#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>

#include "core/base/mutex.h"
#include "covey/result.h"
#include "covey/status.h"

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

TEST(Failure, WithinItsBoundsStaysAsItIs) {
  const Failure failure = Bounded({.message = std::string(kMaxFailureMessage, 'm'),
                                   .detail = std::string(kMaxFailureDetail, 'd'),
                                   .task = std::string(5000, 't')});
  EXPECT_EQ(failure.message, std::string(kMaxFailureMessage, 'm'));
  EXPECT_EQ(failure.detail, std::string(kMaxFailureDetail, 'd'));
  EXPECT_EQ(failure.task.size(), 5000u);
}

TEST(Failure, ABoundKeepsTheBeginningOfTheMessageAndTheEndOfTheDetail) {
  const Failure failure = Bounded({.kind = FailureKind::kExit,
                                   .code = 3,
                                   .message = "begin" + std::string(kMaxFailureMessage, 'm'),
                                   .detail = std::string(kMaxFailureDetail, 'd') + "end",
                                   .attempt = 2});
  EXPECT_EQ(failure.message, "begin" + std::string(kMaxFailureMessage - 5 - 3, 'm') + "\u2026");
  EXPECT_EQ(failure.detail, "\u2026" + std::string(kMaxFailureDetail - 3 - 3, 'd') + "end");
  EXPECT_EQ(failure.kind, FailureKind::kExit);
  EXPECT_EQ(failure.code, 3);
  EXPECT_EQ(failure.attempt, 2u);
}

TEST(Failure, NoCharacterIsCutInTwo) {
  const std::string characters[] = {"\u00e4", "\u20ac", "\U0001f426"};  // of 2, 3 and 4 bytes
  for (const std::string& character : characters) {
    for (size_t shift = 0; shift < character.size(); ++shift) {
      std::string text;
      while (text.size() < 2 * kMaxFailureDetail) text += character;
      const Failure failure =
          Bounded({.message = std::string(shift, 'a') + text, .detail = text + std::string(shift, 'a')});
      const std::string message = failure.message.substr(shift, failure.message.size() - shift - 3);
      const std::string detail = failure.detail.substr(3, failure.detail.size() - shift - 3);
      for (const std::string& kept : {message, detail}) {
        EXPECT_EQ(kept.size() % character.size(), 0u);
        EXPECT_TRUE(kept.starts_with(character) && kept.ends_with(character));
      }
      EXPECT_LE(failure.message.size(), kMaxFailureMessage);
      EXPECT_GT(failure.message.size(), kMaxFailureMessage - character.size());
      EXPECT_LE(failure.detail.size(), kMaxFailureDetail);
      EXPECT_GT(failure.detail.size(), kMaxFailureDetail - character.size());
    }
  }
}

TEST(Failure, WhatIsNoTextIsCutAllTheSame) {
  const Failure failure =
      Bounded({.message = std::string(1 << 20, '\x80'), .detail = std::string(1 << 20, '\x80')});
  EXPECT_GT(failure.message.size(), kMaxFailureMessage - 8);
  EXPECT_LE(failure.message.size(), kMaxFailureMessage);
  EXPECT_GT(failure.detail.size(), kMaxFailureDetail - 8);
  EXPECT_LE(failure.detail.size(), kMaxFailureDetail);
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
  const Result<int> bad = Error{.reason = "GROUP_NOT_FOUND", .message = "no group g"};
  EXPECT_DEATH(static_cast<void>(bad.value()),
               "value\\(\\) of a call that failed: GROUP_NOT_FOUND: no group g");
  const Result<int> good = 7;
  EXPECT_DEATH(static_cast<void>(good.error()), "error\\(\\) of a call that succeeded");
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
