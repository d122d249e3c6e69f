#include "core/journal/commit_ids.h"

#include <gtest/gtest.h>

#include <set>

namespace covey {
namespace {

TEST(CommitIds, NoOwnerRepeatsThoseOfAnother) {
  std::set<uint64_t> all;
  for (int owner = 0; owner < 100; ++owner) {
    CommitIds ids;
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(all.insert(ids.Next()).second);
  }
}

}  // namespace
}  // namespace covey
