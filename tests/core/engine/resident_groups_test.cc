#include "core/engine/resident_groups.h"

#include <gtest/gtest.h>

namespace covey {
namespace {

using Ids = std::vector<std::string>;

bool Unwatched(const std::string&) { return false; }

TEST(ResidentGroups, TheOldestLeaveForTheNewest) {
  ResidentGroups groups(2, 100);
  EXPECT_EQ(groups.Add("a", 1, Unwatched), Ids{});
  EXPECT_EQ(groups.Add("b", 1, Unwatched), Ids{});
  EXPECT_EQ(groups.Add("c", 1, Unwatched), Ids{"a"});
  EXPECT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups.Add("d", 99, Unwatched), Ids{"b"}) << "one of them has to go, two may stay";
  EXPECT_EQ(groups.Add("e", 50, Unwatched), (Ids{"c", "d"}));
}

TEST(ResidentGroups, OneThatIsTooLargeLeavesAtOnce) {
  ResidentGroups groups(2, 100);
  EXPECT_EQ(groups.Add("a", 1, Unwatched), Ids{});
  EXPECT_EQ(groups.Add("b", 101, Unwatched), (Ids{"a", "b"}));
  EXPECT_EQ(groups.Add("c", 100, Unwatched), Ids{});
}

TEST(ResidentGroups, WhatIsWatchedStays) {
  ResidentGroups groups(1, 100);
  const auto a_is_watched = [](const std::string& id) { return id == "a"; };
  EXPECT_EQ(groups.Add("a", 1, a_is_watched), Ids{});
  EXPECT_EQ(groups.Add("b", 1, a_is_watched), Ids{"b"});
  EXPECT_EQ(groups.Add("c", 1, Unwatched), Ids{"a"});
}

TEST(ResidentGroups, WhatIsRemovedMakesRoom) {
  ResidentGroups groups(2, 10);
  EXPECT_EQ(groups.Add("a", 9, Unwatched), Ids{});
  groups.Remove("a");
  groups.Remove("a");
  EXPECT_EQ(groups.Add("b", 9, Unwatched), Ids{});
  EXPECT_EQ(groups.size(), 1u);
}

}  // namespace
}  // namespace covey
