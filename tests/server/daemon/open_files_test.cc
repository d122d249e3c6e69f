#include "server/daemon/open_files.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <string>

namespace covey::open_files {
namespace {

TEST(OpenFiles, AreSharedByConnectionsAndProcesses) {
  EXPECT_EQ(KeptFromConnections(64), 16);
  EXPECT_EQ(KeptFromConnections(1024), 128);
  EXPECT_EQ(KeptFromConnections(1 << 20), 512);
  EXPECT_EQ(KeptFromConnections(RLIM_INFINITY), 512);
  EXPECT_EQ(ProcessesAtOnce(64, 56), 0u);
  EXPECT_EQ(ProcessesAtOnce(160, 56), 11u);
  EXPECT_EQ(ProcessesAtOnce(1024, 56), 129u);
  EXPECT_GT(ProcessesAtOnce(RLIM_INFINITY, 56), 1'000'000u);
  for (rlim_t limit = 32; limit < 4096; ++limit) {
    EXPECT_LE(ProcessesAtOnce(limit, 56), ProcessesAtOnce(limit + 1, 56)) << limit;
    // Where connections are refused, there still is room for one below.
    EXPECT_LE(56 + 6 * ProcessesAtOnce(limit, 56) + KeptFromConnections(limit), std::max<rlim_t>(limit, 72))
        << limit;
  }
}

TEST(OpenFiles, SayHowManyWouldDo) {
  const std::string text = TooFew(64, 56);
  EXPECT_TRUE(text.starts_with("the limit of open files is 64, and must be at least ")) << text;
  const rlim_t enough =
      std::stoul(text.substr(std::string("the limit of open files is 64, and must be at least ").size()));
  EXPECT_EQ(ProcessesAtOnce(enough, 56), 1u);
  EXPECT_EQ(ProcessesAtOnce(enough - 1, 56), 0u);
  EXPECT_NE(text.find("LimitNOFILE="), std::string::npos);
}

TEST(OpenFiles, SayWhenThePoolsHaveMoreSlots) {
  EXPECT_EQ(FewerThanSlots(1024, 129, {}), "");
  EXPECT_EQ(FewerThanSlots(1024, 129, {{.name = "a", .max = 100}, {.name = "b", .max = 29}}), "");
  const std::string text = FewerThanSlots(1024, 129, {{.name = "a", .max = 100}, {.name = "b", .max = 30}});
  EXPECT_TRUE(text.starts_with(
      "the pools have 130 slots, and the limit of open files, 1024, is enough for 129 processes"))
      << text;
}

TEST(OpenFiles, AreCounted) {
  const size_t before = OpenNow();
  int fds[2];
  ASSERT_EQ(::pipe(fds), 0);
  EXPECT_EQ(OpenNow(), before + 2);
  for (const int fd : fds) ::close(fd);
  EXPECT_EQ(OpenNow(), before);
}

}  // namespace
}  // namespace covey::open_files
