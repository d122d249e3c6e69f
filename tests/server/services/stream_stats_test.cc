#include "server/services/stream_stats.h"

#include <gtest/gtest.h>

#include <optional>

namespace covey {
namespace {

using Kind = StreamStats::Kind;
using std::chrono::seconds;

TEST(StreamStatsTest, AReaderIsBehindUntilItHasCaughtUp) {
  StreamStats stats;
  const auto of = [&](Kind kind, StreamStats::Clock::time_point now) {
    return stats.view(now)[static_cast<size_t>(kind)];
  };
  const auto begin = StreamStats::Clock::now();
  std::optional<StreamStats::Reader> first(std::in_place, &stats, Kind::kAllEvents);
  StreamStats::Reader second(&stats, Kind::kAllEvents);
  StreamStats::Reader other(&stats, Kind::kOutput);
  other.CaughtUp();
  const auto after = StreamStats::Clock::now();
  auto all = of(Kind::kAllEvents, after + seconds(60));
  EXPECT_EQ(all.open, 2u);
  EXPECT_EQ(all.behind, 2u) << "from the beginning";
  EXPECT_GE(all.longest, seconds(60));
  EXPECT_LE(all.longest, after - begin + seconds(60));
  EXPECT_EQ(of(Kind::kOutput, after).open, 1u);
  EXPECT_EQ(of(Kind::kOutput, after).behind, 0u);
  first->CaughtUp();
  second.CaughtUp();
  EXPECT_EQ(of(Kind::kAllEvents, after + seconds(60)).longest, seconds(0));
  second.Behind();
  all = of(Kind::kAllEvents, after + seconds(60));
  EXPECT_EQ(all.behind, 1u);
  EXPECT_LE(all.longest, seconds(60)) << "since it was told, not since its beginning";
  first.reset();
  EXPECT_EQ(of(Kind::kAllEvents, after).open, 1u);
}

TEST(StreamStatsTest, WithoutStatsNobodyCounts) {
  StreamStats::Reader reader(nullptr, Kind::kOutput);
  reader.Behind();
}

}  // namespace
}  // namespace covey
