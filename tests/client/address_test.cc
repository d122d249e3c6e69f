#include "covey/client/address.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace covey::client {
namespace {

std::string Parsed(std::string_view address) {
  const Result<std::string> parsed = ParseAddress(address);
  return parsed.ok() ? parsed.value() : "error: " + parsed.error().message;
}

TEST(AddressTest, SocketsAndHostsAreRecognised) {
  EXPECT_EQ(Parsed("unix:/run/covey/coveyd.sock"), "unix:/run/covey/coveyd.sock");
  EXPECT_EQ(Parsed("unix:///run/x.sock"), "unix:/run/x.sock");
  EXPECT_EQ(Parsed("unix:relative.sock"), "unix:relative.sock");
  EXPECT_EQ(Parsed("/run/x.sock"), "unix:/run/x.sock");
  EXPECT_EQ(Parsed("localhost:7425"), "localhost:7425");
  EXPECT_EQ(Parsed("localhost"), "localhost:7425");
  EXPECT_EQ(Parsed("10.0.0.1:1"), "10.0.0.1:1");
  EXPECT_EQ(Parsed("[::1]:65535"), "[::1]:65535");
  EXPECT_EQ(Parsed("[::1]"), "[::1]:7425");
}

TEST(AddressTest, ErrorsSayWhatWouldBeRight) {
  for (const std::string_view bad : {"", "unix:", "host:", "host:0", "host:65536", "host:7x", ":7425", "::1",
                                     "[::1", "[]:1", "[::1]7425", "a b:1", "http://x"}) {
    const Result<std::string> parsed = ParseAddress(bad);
    ASSERT_FALSE(parsed.ok()) << bad;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(parsed.error().message.find("unix:PATH or HOST:PORT"), std::string::npos)
        << parsed.error().message;
  }
}

TEST(AddressTest, SocketPathsThatNoKernelTakesAreRefused) {
  EXPECT_TRUE(ParseAddress("unix:/" + std::string(106, 'x')).ok());
  EXPECT_FALSE(ParseAddress("unix:/" + std::string(107, 'x')).ok());
}

TEST(AddressTest, SocketPathsThatGrpcWouldChangeAreRefused) {
  for (const std::string_view bad : {"unix:/tmp/a%41.sock", "/tmp/a?b", "unix:///tmp/a#b", "unix:100%"}) {
    const Result<std::string> parsed = ParseAddress(bad);
    ASSERT_FALSE(parsed.ok()) << bad;
    EXPECT_EQ(parsed.error().message, "address must be unix:PATH or HOST:PORT, got \"" + std::string(bad) +
                                          "\": the path of a socket has no %, ? or #");
  }
}

TEST(AddressTest, TheDefaultComesFromTheEnvironment) {
  setenv("COVEY_ADDRESS", "somewhere:1", 1);
  EXPECT_EQ(DefaultAddress().value(), "somewhere:1");
  setenv("COVEY_ADDRESS", "", 1);
  setenv("XDG_RUNTIME_DIR", "/run/user/1", 1);
  const std::string expected =
      geteuid() == 0 ? "unix:/run/covey/coveyd.sock" : "unix:/run/user/1/covey/coveyd.sock";
  EXPECT_EQ(DefaultAddress().value(), expected);
  unsetenv("COVEY_ADDRESS");
  EXPECT_EQ(DefaultAddress().value(), expected);
  unsetenv("XDG_RUNTIME_DIR");
  if (geteuid() == 0) {
    EXPECT_TRUE(DefaultAddress().ok());
  } else {
    EXPECT_EQ(DefaultAddress().error().reason, "NO_ADDRESS");
  }
}

TEST(AddressTest, OnlySocketsAreLocal) {
  EXPECT_TRUE(IsLocal("unix:/x"));
  EXPECT_FALSE(IsLocal("localhost:7425"));
}

}  // namespace
}  // namespace covey::client
