#include "server/daemon/config.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace covey {
namespace {

using std::chrono::milliseconds;

Config Parse(const std::vector<std::string>& arguments) {
  const ParsedCommandLine parsed = ParseCommandLine(arguments);
  EXPECT_TRUE(parsed.command_line.has_value()) << parsed.error;
  return parsed.command_line ? parsed.command_line->config : Config{};
}

std::string ErrorOf(const std::vector<std::string>& arguments) {
  const ParsedCommandLine parsed = ParseCommandLine(arguments);
  EXPECT_FALSE(parsed.command_line.has_value());
  return parsed.error;
}

TEST(ConfigTest, EveryFlagIsTakenWithBothSpellings) {
  const Config config = Parse({"--listen",
                               "unix:/tmp/a.sock",
                               "--listen=127.0.0.1:0",
                               "--insecure-listen",
                               "--data-dir=/tmp/d",
                               "--journal",
                               "memory",
                               "--durability=none",
                               "--pool",
                               "gpu=2",
                               "--pool=default=8",
                               "--max-queued=5",
                               "--drain-timeout",
                               "1.5s",
                               "--stop-timeout=250ms",
                               "--queues=2",
                               "--no-cgroups",
                               "--socket-mode=0660",
                               "--log-format=json",
                               "--log-level=debug",
                               "--output-limit=4096"});
  EXPECT_EQ(config.listen, (std::vector<std::string>{"unix:/tmp/a.sock", "127.0.0.1:0"}));
  EXPECT_EQ(config.data_dir, "/tmp/d");
  EXPECT_EQ(config.journal, "memory");
  EXPECT_FALSE(config.durable);
  ASSERT_EQ(config.pools.size(), 2u);
  EXPECT_EQ(config.pools[0].name, "gpu");
  EXPECT_EQ(config.pools[1].max, 8u);
  EXPECT_EQ(config.max_queued, 5u);
  EXPECT_EQ(config.drain_timeout, milliseconds(1500));
  EXPECT_EQ(config.stop_timeout, milliseconds(250));
  EXPECT_EQ(config.queues, 2);
  EXPECT_FALSE(config.use_cgroups);
  EXPECT_EQ(config.socket_mode, 0660u);
  EXPECT_TRUE(config.log_json);
  EXPECT_EQ(config.log_level, "debug");
  EXPECT_EQ(config.output_limit, 4096u);
}

TEST(ConfigTest, BadValuesNameFlagRangeAndValue) {
  const std::vector<std::pair<std::vector<std::string>, std::vector<std::string>>> cases = {
      {{"--queues", "0"}, {"--queues", "1..64", "got 0"}},
      {{"--queues", "65"}, {"1..64", "got 65"}},
      {{"--queues", "2x"}, {"1..64", "got 2x"}},
      {{"--max-queued", "-1"}, {"--max-queued", "1..100000000", "got -1"}},
      {{"--pool", "default=0"}, {"--pool", "1..65536", "got default=0"}},
      {{"--pool", "default=65537"}, {"got default=65537"}},
      {{"--pool", "default"}, {"NAME=MAX", "got default"}},
      {{"--pool", "=3"}, {"NAME=MAX", "got =3"}},
      {{"--drain-timeout", "10"}, {"--drain-timeout", "30s", "got 10"}},
      {{"--drain-timeout", "25h"}, {"0s..24h", "got 25h"}},
      {{"--drain-timeout", "-1s"}, {"got -1s"}},
      {{"--journal", "etcd"}, {"--journal", "sqlite, memory", "got etcd"}},
      {{"--socket-mode", "0999"}, {"--socket-mode", "octal", "got 0999"}},
      {{"--socket-mode", "01777"}, {"0..0777", "got 01777"}},
      {{"--listen", "unix:relative"}, {"--listen", "absolute", "got unix:relative"}},
      {{"--listen", "unix:/" + std::string(120, 'x')}, {"107"}},
      {{"--listen", "localhost"}, {"HOST:PORT", "got localhost"}},
      {{"--listen", "localhost:70000"}, {"0..65535", "got localhost:70000"}},
      {{"--listen", "127.0.0.1:7425"}, {"--insecure-listen"}},
      {{"--data-dir", ""}, {"--data-dir", "got nothing"}},
      {{"--data-dir"}, {"--data-dir", "needs a value"}},
      {{"--no-cgroups=yes"}, {"takes no value", "got yes"}},
      {{"--output-limit", "4095"}, {"4096..1073741824", "got 4095"}},
      {{"--log-levle", "info"}, {"unknown flag --log-levle", "--log-level"}},
      {{"serve"}, {"unexpected argument serve"}},
  };
  for (const auto& [arguments, parts] : cases) {
    const std::string error = ErrorOf(arguments);
    for (const std::string& part : parts)
      EXPECT_NE(error.find(part), std::string::npos) << error << "\nlacks: " << part;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
}

TEST(ConfigTest, DurationsHaveUnits) {
  EXPECT_EQ(ParseDuration("0s"), milliseconds(0));
  EXPECT_EQ(ParseDuration("250ms"), milliseconds(250));
  EXPECT_EQ(ParseDuration("1.5h"), milliseconds(5'400'000));
  EXPECT_EQ(ParseDuration("2m"), milliseconds(120'000));
  for (const char* bad :
       {"", "s", "1", "1 s", "-1s", "1d", "nan", "nans", "inf", "infs", "1e3s", "99999999999999999h"}) {
    EXPECT_EQ(ParseDuration(bad), std::nullopt) << bad;
  }
}

TEST(ConfigTest, HelpNamesWhatItTakes) {
  EXPECT_EQ(ParseCommandLine({"--help"}).command_line->action, CommandLine::Action::kHelp);
  EXPECT_EQ(ParseCommandLine({"--version"}).command_line->action, CommandLine::Action::kVersion);
  for (const char* flag : {"--listen", "--pool", "--drain-timeout", "--insecure-listen"}) {
    EXPECT_NE(HelpText().find(flag), std::string::npos) << flag;
  }
}

}  // namespace
}  // namespace covey
