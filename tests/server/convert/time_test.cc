#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "server/convert/convert.h"

namespace covey {
namespace {

using google::protobuf::Duration;
using google::protobuf::Timestamp;
using std::chrono::microseconds;
using std::chrono::nanoseconds;

WallTime At(int64_t micros) { return WallTime(microseconds(micros)); }

template <typename Message>
Message Make(int64_t seconds, int32_t nanos) {
  Message message;
  message.set_seconds(seconds);
  message.set_nanos(nanos);
  return message;
}

TEST(Time, MicrosecondsComeBackExactly) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 10'000; ++i) {
    const auto micros = static_cast<int64_t>(random() % 400'000'000'000'000'000) - 62'000'000'000'000'000;
    const Timestamp time = ToProto(At(micros));
    EXPECT_GE(time.nanos(), 0);
    EXPECT_LT(time.nanos(), 1'000'000'000);
    if (time.seconds() < 253'402'300'799) {
      EXPECT_EQ(ToCore(time), At(micros)) << micros;
    }
  }
}

TEST(Time, BeforeTheEpochNanosCountForward) {
  const Timestamp time = ToProto(At(-1));
  EXPECT_EQ(time.seconds(), -1);
  EXPECT_EQ(time.nanos(), 999'999'000);
  EXPECT_EQ(ToCore(time), At(-1));
}

TEST(Time, WhatIsBeyondATimestampIsClamped) {
  EXPECT_EQ(ToProto(WallTime::max()).seconds(), 253'402'300'799);
  EXPECT_EQ(ToProto(WallTime::max()).nanos(), 999'999'999);
  EXPECT_EQ(ToProto(WallTime::min()).seconds(), -62'135'596'800);
  EXPECT_EQ(ToCore(Make<Timestamp>(std::numeric_limits<int64_t>::max(), 0)), WallTime::max());
  EXPECT_EQ(ToCore(Make<Timestamp>(std::numeric_limits<int64_t>::min(), 0)), WallTime::min());
}

TEST(Time, FinerThanAMicrosecondIsCutOff) { EXPECT_EQ(ToCore(Make<Timestamp>(1, 1999)), At(1'000'001)); }

TEST(Duration, NanosecondsComeBackExactly) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 10'000; ++i) {
    const nanoseconds duration(static_cast<int64_t>(random()) >> random() % 60);
    EXPECT_EQ(ToCore(ToProto(duration)), duration);
    EXPECT_GE(static_cast<int64_t>(ToProto(duration).seconds()) * ToProto(duration).nanos(), 0) << "one sign";
  }
  EXPECT_EQ(ToCore(ToProto(nanoseconds::min())), nanoseconds::min());
  EXPECT_EQ(ToCore(ToProto(nanoseconds::max())), nanoseconds::max());
}

TEST(Duration, WhatIsBeyondNanosecondsIsClamped) {
  EXPECT_EQ(ToCore(Make<Duration>(315'576'000'000, 0)), nanoseconds::max());
  EXPECT_EQ(ToCore(Make<Duration>(-315'576'000'000, 0)), nanoseconds::min());
  EXPECT_EQ(ToCore(Make<Duration>(9'223'372'036, 854'775'807)), nanoseconds::max());
  EXPECT_EQ(ToCore(Make<Duration>(9'223'372'036, 854'775'808)), nanoseconds::max());
  EXPECT_EQ(ToCore(Make<Duration>(9'223'372'036, 854'775'806)), nanoseconds::max() - nanoseconds(1));
}

}  // namespace
}  // namespace covey
