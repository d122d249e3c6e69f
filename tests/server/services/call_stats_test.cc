#include "server/services/call_stats.h"

#include <gtest/gtest.h>

namespace covey {
namespace {

using std::chrono::nanoseconds;

const methods::Method& kSeal = methods::Named("/covey.v1.GroupService/SealGroup");
const methods::Method& kInfo = methods::Named("/covey.v1.AdminService/GetServerInfo");

TEST(CallStatsTest, CountsAndTimesByMethodAndCode) {
  CallStats stats;
  EXPECT_TRUE(stats.ended().empty());
  EXPECT_TRUE(stats.open().empty());
  stats.OnBegin(kSeal);
  stats.OnBegin(kSeal);
  stats.OnBegin(kInfo);
  ASSERT_EQ(stats.open().size(), 2u);
  EXPECT_EQ(stats.open()[0].method, kInfo.name);  // in the order of the contract
  EXPECT_EQ(stats.open()[0].calls, 1u);
  EXPECT_EQ(stats.open()[1].calls, 2u);
  stats.OnEnd(kSeal, 0, nanoseconds(5));
  stats.OnEnd(kSeal, 5, nanoseconds(7));
  stats.OnEnd(kInfo, 0, nanoseconds(11));
  stats.OnBegin(kSeal);
  stats.OnEnd(kSeal, 5, nanoseconds(8));
  EXPECT_TRUE(stats.open().empty());
  const std::vector<CallStats::Ended> ended = stats.ended();
  ASSERT_EQ(ended.size(), 3u);
  EXPECT_EQ(ended[0].method, kInfo.name);
  EXPECT_EQ(ended[1].method, kSeal.name);
  EXPECT_EQ(ended[1].code, 0);
  EXPECT_EQ(ended[1].calls, 1u);
  EXPECT_EQ(ended[1].time, nanoseconds(5));
  EXPECT_EQ(ended[2].code, 5);
  EXPECT_EQ(ended[2].calls, 2u);
  EXPECT_EQ(ended[2].time, nanoseconds(15));
}

TEST(CallStatsTest, ACodeOutsideTheTableIsUnknown) {
  CallStats stats;
  for (const int code : {-1, 17, 4711}) {
    stats.OnBegin(kInfo);
    stats.OnEnd(kInfo, code, nanoseconds(1));
  }
  ASSERT_EQ(stats.ended().size(), 1u);
  EXPECT_EQ(stats.ended()[0].code, 2);
  EXPECT_EQ(stats.ended()[0].calls, 3u);
}

}  // namespace
}  // namespace covey
