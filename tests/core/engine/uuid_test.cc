#include "core/engine/uuid.h"

#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <string>

namespace covey {
namespace {

TEST(Uuid, IsRandomAndTellsItsVersion) {
  static const std::regex kForm("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
  std::set<std::string> beginnings;
  constexpr size_t kMany = 200;  // of 2^32: two alike in a million runs or so
  for (size_t i = 0; i < kMany; ++i) {
    const std::string id = NewUuid();
    EXPECT_TRUE(std::regex_match(id, kForm)) << id;
    beginnings.insert(id.substr(0, 8));
  }
  EXPECT_GE(beginnings.size(), kMany - 1);
}

}  // namespace
}  // namespace covey
