#include "server/daemon/log.h"

#include <gtest/gtest.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>

#include <sstream>

namespace covey {
namespace {

// What a line has behind its time.
std::string Logged(bool json, const std::string& message) {
  std::ostringstream out;
  spdlog::logger log("log", std::make_shared<spdlog::sinks::ostream_sink_mt>(out));
  SetLog(log, "info", json);
  log.warn("{}", message);
  log.flush();
  const std::string line = out.str();
  return line.substr(line.find('Z') + 1);
}

// Names of processes and files are any bytes.
const char kHostile[] = "a \"name\" \\ with\nits own line\x1b[2K and caf\xe9\x7f";

TEST(Log, AMessageIsOneLineOfText) {
  EXPECT_EQ(Logged(false, "serving"), " warning serving\n");
  EXPECT_EQ(Logged(false, kHostile),
            " warning a \"name\" \\ with\\u000aits own line\\u001b[2K and caf\xef\xbf\xbd\\u007f\n");
}

TEST(Log, AMessageIsOneJsonObject) {
  EXPECT_EQ(Logged(true, "serving"), R"(","level":"warning","message":"serving"})"
                                     "\n");
  EXPECT_EQ(Logged(true, kHostile),
            R"(","level":"warning","message":"a \"name\" \\ with\u000aits own line\u001b[2K and caf)"
            "\xef\xbf\xbd"
            R"(\u007f"})"
            "\n");
}

}  // namespace
}  // namespace covey
