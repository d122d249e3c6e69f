#include "server/services/value_set.h"

#include <gtest/gtest.h>

#include <vector>

namespace covey {
namespace {

TEST(ValueSetTest, NoneListedMeansAll) {
  const ValueSet all{std::vector<int>()};
  for (const int value : {-1, 0, 1, 63, 64, 4711}) EXPECT_TRUE(all.Contains(value)) << value;
}

TEST(ValueSetTest, HoldsWhatWasListedHoweverOften) {
  const ValueSet some(std::vector<int>{3, 3, 63, 3, 1});
  for (const int value : {1, 3, 63}) EXPECT_TRUE(some.Contains(value)) << value;
  for (const int value : {-1, 0, 2, 62, 64}) EXPECT_FALSE(some.Contains(value)) << value;
}

TEST(ValueSetTest, WhatTheContractDoesNotHaveIsInNoSet) {
  const ValueSet unknown(std::vector<int>{-5, 64, 4711});
  for (const int value : {-5, 0, 1, 64, 4711}) EXPECT_FALSE(unknown.Contains(value)) << value;
}

}  // namespace
}  // namespace covey
