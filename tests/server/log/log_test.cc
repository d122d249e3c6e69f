#include "server/log/log.h"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "tests/server/log/logged_lines.h"

namespace covey {
namespace {

using testing::LoggedLines;
using Lines = std::vector<std::string>;

class LogTest : public ::testing::Test {
 protected:
  void Say(std::string message, std::string_view kind = "k", std::string_view variant = {}) {
    log_->Write({.part = LogPart::kCalls, .kind = kind, .message = std::move(message)}, variant);
  }

  const std::shared_ptr<TimerQueue> timers_ = TimerQueue::Manual();
  const std::shared_ptr<LoggedLines> lines_ = std::make_shared<LoggedLines>();
  const std::shared_ptr<Log> log_ = Log::New(lines_->Output(), {}, timers_);
};

TEST_F(LogTest, EachPartHasALevelThatChangesAtOnce) {
  log_->Of(LogPart::kGroups)->debug("no");
  log_->Of(LogPart::kGroups)->info("yes");
  log_->Set({.level = LogLevel::kError, .parts = {{LogPart::kGroups, LogLevel::kDebug}}});
  EXPECT_TRUE(log_->Wants(LogPart::kGroups, LogLevel::kDebug));
  EXPECT_FALSE(log_->Wants(LogPart::kCalls, LogLevel::kWarning));
  log_->Of(LogPart::kGroups)->debug("yes, {}", 2);
  log_->Of(LogPart::kCalls)->warn("no");
  Say("no");
  EXPECT_EQ(lines_->All(), (Lines{"info yes", "debug yes, 2"}));
  EXPECT_EQ(log_->counts().lines[size_t(LogPart::kGroups)][size_t(LogLevel::kDebug)], 1u);
}

TEST_F(LogTest, BeyondItsRateAKindIsCountedAndTold) {
  for (size_t i = 0; i < kMostLogLines + 5; ++i) Say("it happened");
  Say("another", "other");
  EXPECT_EQ(lines_->All().size(), kMostLogLines + 1);
  timers_->AdvanceBy(Log::kWindow);
  ASSERT_EQ(lines_->All().size(), kMostLogLines + 2);
  EXPECT_EQ(lines_->All().back(), "info 5 more lines of this kind were left out left_out=5 of=k");
  EXPECT_EQ(log_->counts().left_out, 5u);
  timers_->AdvanceBy(10 * Log::kWindow);
  EXPECT_EQ(lines_->All().size(), kMostLogLines + 2) << "it is told once";
  Say("again");
  EXPECT_EQ(lines_->All().back(), "info again");
}

TEST_F(LogTest, VariantsOfAKindDoNotHideEachOther) {
  for (size_t i = 0; i < 2 * kMostLogLines; ++i) Say("bad request", "refused", "BAD_REQUEST");
  Say("queue full", "refused", "QUEUE_FULL");
  EXPECT_EQ(lines_->All().back(), "info queue full");
  log_->Flush();
  EXPECT_EQ(lines_->All().back(),
            "info 10 more lines of this kind were left out left_out=10 of=refused variant=BAD_REQUEST");
}

TEST_F(LogTest, AKindMayBeToldLessOften) {
  for (int i = 0; i < 3; ++i) log_->Write({.kind = "bound_reached", .message = "full", .most = 1});
  log_->Flush();
  EXPECT_EQ(lines_->All(),
            (Lines{"info full", "info 2 more lines of this kind were left out left_out=2 of=bound_reached"}));
}

TEST_F(LogTest, LinesOfNoKindAreNeverLeftOut) {
  for (size_t i = 0; i < 10 * kMostLogLines; ++i) Say("one of many", {});
  EXPECT_EQ(lines_->All().size(), 10 * kMostLogLines);
}

TEST_F(LogTest, WhatAnOutputCannotTakeIsCountedAndToldWhenItCan) {
  lines_->SetFull(true);
  Say("lost", {});
  Say("lost too", {});
  EXPECT_EQ(log_->counts().lost, 2u);
  timers_->AdvanceBy(Log::kAgain);  // still full
  lines_->SetFull(false);
  timers_->AdvanceBy(Log::kAgain);  // nobody has to say anything for it
  EXPECT_EQ(lines_->All(), Lines{"warning 2 lines are missing here: the log could not be written lost=2"});
  Say("there again", {});
  EXPECT_EQ(lines_->All().size(), 2u);
}

TEST_F(LogTest, ItGoesWhileTimersWait) {
  for (size_t i = 0; i < kMostLogLines + 1; ++i) Say("it happened");
  std::shared_ptr<Log> gone = Log::New(lines_->Output(), {}, timers_);
  for (size_t i = 0; i < kMostLogLines + 1; ++i) gone->Write({.kind = "k", .message = "x"});
  gone.reset();
  timers_->AdvanceBy(Log::kWindow);
  EXPECT_EQ(lines_->All().size(), 2 * (kMostLogLines + 1));
}

}  // namespace
}  // namespace covey
