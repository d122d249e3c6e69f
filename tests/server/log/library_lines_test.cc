#include "server/log/library_lines.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <gtest/gtest.h>

#include "tests/server/log/logged_lines.h"

namespace covey {
namespace {

TEST(LibraryLinesTest, WhatLibrariesSayGoesToTheLogAsLongAsItLives) {
  const auto lines = std::make_shared<testing::LoggedLines>();
  auto log = Log::New(lines->Output(), {});
  TakeLibraryLines(log);
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);  // as gRPC does when it begins
  gpr_log("/a/b/tcp.cc", 12, GPR_LOG_SEVERITY_ERROR, "no %s\nfor it", "socket");
  GOOGLE_LOG(WARNING) << "not UTF-8: \xff";
  ASSERT_EQ(lines->All().size(), 2u);
  EXPECT_EQ(lines->All()[0], "error no socket\\u000afor it source=tcp.cc:12");
  EXPECT_TRUE(lines->All()[1].starts_with("warning not UTF-8: \xef\xbf\xbd source=library_lines_test.cc:"))
      << lines->All()[1];
  log.reset();
  ::testing::internal::CaptureStderr();
  gpr_log("/a/b/tcp.cc", 12, GPR_LOG_SEVERITY_ERROR, "late");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "late\n");
  EXPECT_EQ(lines->All().size(), 2u);
}

}  // namespace
}  // namespace covey
