#include "client/cli/when.h"

#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>
#include <time.h>

#include <cstdlib>
#include <string>

namespace covey::cli {
namespace {

using google::protobuf::util::TimeUtil;

constexpr const char* kParis = "CET-1CEST,M3.5.0,M10.5.0/3";

class WhenTest : public ::testing::Test {
 protected:
  void SetUp() override { Zone(kParis); }
  static void Zone(const char* zone) {
    setenv("TZ", zone, 1);
    tzset();
  }
  static WallClock::time_point At(const std::string& text) {
    google::protobuf::Timestamp time;
    EXPECT_TRUE(TimeUtil::FromString(text, &time)) << text;
    return WallClock::from_time_t(time.seconds());
  }
  // What `text` means at `now`, in UTC; the message of its error otherwise.
  static std::string Means(const std::string& text, const std::string& now = "2026-11-28T10:00:00Z") {
    const Result<google::protobuf::Timestamp> time = ParseWhen("since", text, At(now));
    return time.ok() ? TimeUtil::ToString(time.value()) : time.error().message;
  }
};

TEST_F(WhenTest, HowLongAgo) {
  EXPECT_EQ(Means("2h"), "2026-11-28T08:00:00Z");
  EXPECT_EQ(Means("1m30s"), "2026-11-28T09:58:30Z");
  EXPECT_EQ(Means("now"), "2026-11-28T10:00:00Z");
}

TEST_F(WhenTest, ATimeOfDayIsTheLastThatWas) {
  EXPECT_EQ(Means("10:30"), "2026-11-28T09:30:00Z") << "it is 11:00 in Paris";
  EXPECT_EQ(Means("11:00"), "2026-11-28T10:00:00Z");
  EXPECT_EQ(Means("18:00"), "2026-11-27T17:00:00Z");
  EXPECT_EQ(Means("18:00:09"), "2026-11-27T17:00:09Z");
  EXPECT_EQ(Means("00:00"), "2026-11-27T23:00:00Z");
  Zone("UTC");
  EXPECT_EQ(Means("10:30"), "2026-11-27T10:30:00Z");
}

TEST_F(WhenTest, DaysBeginAtMidnightHere) {
  EXPECT_EQ(Means("2026-11-27"), "2026-11-26T23:00:00Z");
  EXPECT_EQ(Means("today"), "2026-11-27T23:00:00Z");
  EXPECT_EQ(Means("yesterday"), "2026-11-26T23:00:00Z");
  EXPECT_EQ(Means("2026-07-01"), "2026-06-30T22:00:00Z") << "summer time";
  EXPECT_EQ(Means("2026-11-27 18:00"), "2026-11-27T17:00:00Z");
  EXPECT_EQ(Means("2026-11-27T18:00:01"), "2026-11-27T17:00:01Z");
  EXPECT_EQ(Means("2026-11-27T18:00:01Z"), "2026-11-27T18:00:01Z");
  EXPECT_EQ(Means("2026-11-27T18:00:01+02:00"), "2026-11-27T16:00:01Z");
  // 23 hours long, and 25.
  EXPECT_EQ(Means("yesterday", "2026-03-30T10:00:00Z"), "2026-03-28T23:00:00Z");
  EXPECT_EQ(Means("yesterday", "2026-10-26T10:00:00Z"), "2026-10-24T22:00:00Z");
  Zone("UTC");
  EXPECT_EQ(Means("yesterday"), "2026-11-27T00:00:00Z");
}

TEST_F(WhenTest, WhatIsNoTimeIsRefused) {
  for (const char* bad : {"", "soon", "24:00", "18:60", "1:00", "2026-02-30", "2026-13-01", "2026-11-27x",
                          "2026-11", "2026-11-27 25:00", "18:00 "}) {
    EXPECT_NE(Means(bad).find("--since must be a time as 18:00"), std::string::npos)
        << bad << ": " << Means(bad);
  }
}

TEST_F(WhenTest, TimesAreShownAsAskedFor) {
  const auto now = At("2026-11-28T10:00:00Z");
  const auto shown = [&](const std::string& text, Times times) {
    google::protobuf::Timestamp time;
    EXPECT_TRUE(TimeUtil::FromString(text, &time));
    return WhenText(time, times, now);
  };
  EXPECT_EQ(shown("2026-11-27T17:00:09Z", Times::kLocal), "2026-11-27 18:00:09");
  EXPECT_EQ(shown("2026-11-27T17:00:09Z", Times::kUtc), "2026-11-27T17:00:09Z");
  EXPECT_EQ(shown("2026-11-28T09:59:59.5Z", Times::kRelative), "1s ago");
  EXPECT_EQ(shown("2026-11-28T09:58:01Z", Times::kRelative), "119s ago");
  EXPECT_EQ(shown("2026-11-28T09:30:00Z", Times::kRelative), "30m ago");
  EXPECT_EQ(shown("2026-11-27T17:00:09Z", Times::kRelative), "16h ago");
  EXPECT_EQ(shown("2026-11-01T10:00:00Z", Times::kRelative), "27d ago");
  EXPECT_EQ(shown("2026-11-28T10:00:05Z", Times::kRelative), "now") << "a clock that is ahead";
  EXPECT_EQ(WhenText({}, Times::kRelative, now), "-");
  EXPECT_EQ(ReadTimes("utc", Times::kRelative), Times::kUtc);
  EXPECT_EQ(ReadTimes("", Times::kLocal), Times::kLocal);
}

}  // namespace
}  // namespace covey::cli
