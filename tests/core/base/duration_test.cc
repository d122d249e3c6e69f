#include "core/base/duration.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace covey {
namespace {

using std::chrono::nanoseconds;

int64_t Parsed(std::string_view text) {
  const Result<nanoseconds> parsed = ParseDuration(text);
  return parsed.ok() ? parsed.value().count() : -1;
}

TEST(DurationTest, NumbersWithUnits) {
  EXPECT_EQ(Parsed("10s"), 10'000'000'000);
  EXPECT_EQ(Parsed("1.5h"), 5'400'000'000'000);
  EXPECT_EQ(Parsed("250ms"), 250'000'000);
  EXPECT_EQ(Parsed("7us"), 7'000);
  EXPECT_EQ(Parsed("1ns"), 1);
  EXPECT_EQ(Parsed("2m"), 120'000'000'000);
  EXPECT_EQ(Parsed("1d"), 86'400'000'000'000);
  EXPECT_EQ(Parsed("1h30m"), 5'400'000'000'000);
  EXPECT_EQ(Parsed("0s"), 0);
  EXPECT_EQ(Parsed(".5s"), 500'000'000);
  EXPECT_EQ(Parsed("0.000000001s"), 1);
  EXPECT_EQ(Parsed("0.0000000019s"), 1);  // rounds down
}

TEST(DurationTest, WhatIsNoDurationIsRefused) {
  for (const std::string_view bad : {"",
                                     "10",
                                     "s",
                                     "-1s",
                                     "1.s",
                                     "1x",
                                     "1 s",
                                     "1s ",
                                     "ten",
                                     "1e3s",
                                     "1s2",
                                     ".",
                                     "+1s",
                                     "300y",
                                     "9223372036854775808ns",
                                     "99999999999999999999h",
                                     "106752d",
                                     "106751d24h",
                                     "9223372036.9s",
                                     "106751.999999d"}) {
    const Result<nanoseconds> parsed = ParseDuration(bad);
    ASSERT_FALSE(parsed.ok()) << bad;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(parsed.error().message.find(std::string(bad)), std::string::npos);
  }
}

TEST(DurationTest, SumsOfPartsAreTheirSum) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 10'000; ++i) {
    const int64_t hours = std::uniform_int_distribution<int64_t>(0, 100'000)(random);
    const int64_t millis = std::uniform_int_distribution<int64_t>(0, 1'000'000)(random);
    EXPECT_EQ(Parsed(std::to_string(hours) + "h" + std::to_string(millis) + "ms"),
              hours * 3'600'000'000'000 + millis * 1'000'000);
  }
}

TEST(DurationTest, PeopleReadThem) {
  EXPECT_EQ(DurationText(nanoseconds(0)), "0ms");
  EXPECT_EQ(DurationText(nanoseconds(-5)), "0ms");
  EXPECT_EQ(DurationText(std::chrono::milliseconds(999)), "999ms");
  EXPECT_EQ(DurationText(std::chrono::milliseconds(1'250)), "1.25s");
  EXPECT_EQ(DurationText(std::chrono::milliseconds(12'345)), "12.3s");
  EXPECT_EQ(DurationText(std::chrono::seconds(184)), "3m04s");
  EXPECT_EQ(DurationText(std::chrono::minutes(125)), "2h05m");
  EXPECT_EQ(DurationText(std::chrono::hours(76)), "3d04h");
  EXPECT_FALSE(DurationText(nanoseconds::max()).empty());
}

}  // namespace
}  // namespace covey
