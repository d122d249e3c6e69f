#include "server/services/health.h"

#include <gtest/gtest.h>

namespace covey {
namespace {

using Whys = std::vector<std::string>;

TEST(HealthTest, IsWellWithoutReasons) {
  Health health;
  std::vector<bool> told;
  health.OnChange([&told](bool well) { told.push_back(well); });
  EXPECT_TRUE(health.well());
  EXPECT_FALSE(health.Set(Health::Reason::kJournal, ""));
  EXPECT_TRUE(health.Set(Health::Reason::kJournal, "full"));
  EXPECT_FALSE(health.Set(Health::Reason::kJournal, "full")) << "nothing new";
  EXPECT_TRUE(health.Set(Health::Reason::kDirectory, "gone"));
  EXPECT_EQ(health.whys(), (Whys{"gone", "full"}));
  EXPECT_FALSE(health.well());
  EXPECT_TRUE(health.Set(Health::Reason::kJournal, ""));
  EXPECT_EQ(health.whys(), Whys{"gone"});
  EXPECT_TRUE(health.Set(Health::Reason::kDirectory, ""));
  EXPECT_TRUE(health.well());
  EXPECT_EQ(told, (std::vector<bool>{false, true}));
}

}  // namespace
}  // namespace covey
