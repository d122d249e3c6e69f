#include "core/text/nearest.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace covey {
namespace {

TEST(NearestTest, TheNearestNameIsFound) {
  const std::vector<std::string_view> names = {"run",    "wait", "cancel", "ps",  "show",
                                               "events", "logs", "info",   "help"};
  EXPECT_EQ(Nearest("rnu", names), "run");
  EXPECT_EQ(Nearest("cancle", names), "cancel");
  EXPECT_EQ(Nearest("event", names), "events");
  EXPECT_EQ(Nearest("log", names), "logs");
  EXPECT_EQ(Nearest("canc", names), "cancel");
  EXPECT_EQ(Nearest("xyzzy", names), "");
  EXPECT_EQ(Nearest("", names), "");
  EXPECT_EQ(Nearest(std::string(10'000, 'x'), names), "");
}

}  // namespace
}  // namespace covey
