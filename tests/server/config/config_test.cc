#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "server/config/command_line.h"

namespace covey {
namespace {

using std::chrono::milliseconds;

CommandLine Flags(const std::vector<std::string>& arguments) {
  const ParsedCommandLine parsed = ParseCommandLine(arguments);
  EXPECT_TRUE(parsed.command_line.has_value()) << parsed.error;
  return parsed.command_line.value_or(CommandLine{});
}

// Flags with a file of this text.
ConfigResult Make(const std::string& text, std::vector<std::string> arguments = {}) {
  arguments.insert(arguments.begin(), {"--config", "/etc/c.toml"});
  return MakeConfig(Flags(arguments), text);
}

Config Parse(const std::vector<std::string>& arguments) {
  ConfigResult made = MakeConfig(Flags(arguments), "");
  EXPECT_TRUE(made.loaded.has_value()) << (made.problems.empty() ? "" : made.problems[0].Text());
  return made.loaded ? made.loaded->config : Config{};
}

Config ParseText(const std::string& text, const std::vector<std::string>& arguments = {}) {
  ConfigResult made = Make(text, arguments);
  EXPECT_TRUE(made.loaded.has_value()) << (made.problems.empty() ? "" : made.problems[0].Text());
  return made.loaded ? made.loaded->config : Config{};
}

std::string ErrorOf(const std::vector<std::string>& arguments) {
  const ParsedCommandLine parsed = ParseCommandLine(arguments);
  if (!parsed.command_line) return parsed.error;
  const ConfigResult made = MakeConfig(*parsed.command_line, "");
  EXPECT_FALSE(made.loaded.has_value());
  return made.problems.empty() ? "" : made.problems[0].Text();
}

std::vector<std::string> ProblemsOf(const std::string& text) {
  std::vector<std::string> problems;
  const ConfigResult made = Make(text);
  EXPECT_EQ(made.loaded.has_value(), made.problems.empty());
  for (const ConfigProblem& problem : made.problems) problems.push_back(problem.Text());
  return problems;
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
                               "--max-queued-bytes=1048576",
                               "--drain-timeout",
                               "1.5s",
                               "--stop-timeout=250ms",
                               "--on-stop=cancel",
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
  EXPECT_EQ(config.on_stop, OnStop::kCancel);
  EXPECT_EQ(config.max_queued_bytes, size_t{1} << 20);
  EXPECT_EQ(config.drain_timeout, milliseconds(1500));
  EXPECT_EQ(config.stop_timeout, milliseconds(250));
  EXPECT_EQ(config.queues, 2);
  EXPECT_FALSE(config.use_cgroups);
  EXPECT_EQ(config.socket_mode, 0660u);
  EXPECT_TRUE(config.log.json);
  EXPECT_EQ(config.log.level, "debug");
  EXPECT_EQ(config.output_limit, 4096u);
}

TEST(ConfigTest, BadValuesNameFlagRangeAndValue) {
  const std::vector<std::pair<std::vector<std::string>, std::vector<std::string>>> cases = {
      {{"--queues", "0"}, {"--queues", "1..64", "got 0"}},
      {{"--queues", "65"}, {"1..64", "got 65"}},
      {{"--queues", "2x"}, {"1..64", "got 2x"}},
      {{"--max-queued", "-1"}, {"--max-queued", "1..100000000", "got -1"}},
      {{"--max-queued-bytes", "1048575"}, {"--max-queued-bytes", "1048576..1099511627776", "got 1048575"}},
      {{"--pool", "default=0"}, {"--pool", "1..65536", "got default=0"}},
      {{"--pool", "default=65537"}, {"got default=65537"}},
      {{"--pool", "default"}, {"NAME=MAX", "got default"}},
      {{"--pool", "=3"}, {"NAME=MAX", "got =3"}},
      {{"--drain-timeout", "10"}, {"--drain-timeout", "30s", "got 10"}},
      {{"--drain-timeout", "25h"}, {"0s..24h", "got 25h"}},
      {{"--on-stop", "kill"}, {"must be one of suspend, cancel, got kill"}},
      {{"--drain-timeout", "-1s"}, {"got -1s"}},
      {{"--journal", "etcd"}, {"--journal", "sqlite, memory", "got etcd"}},
      {{"--socket-mode", "0999"}, {"--socket-mode", "octal", "got 0999"}},
      {{"--socket-mode", "01777"}, {"0..0777", "got 01777"}},
      {{"--listen", "unix:relative"}, {"--listen", "absolute", "got unix:relative"}},
      {{"--listen", "unix:/" + std::string(120, 'x')}, {"107"}},
      {{"--listen", "unix:/tmp/a%41.sock"}, {"--listen", "without %, ? and #", "got unix:/tmp/a%41.sock"}},
      {{"--listen", "unix:/tmp/a?b"}, {"--listen", "without %, ? and #", "got unix:/tmp/a?b"}},
      {{"--listen", "unix:/tmp/a#b"}, {"--listen", "without %, ? and #", "got unix:/tmp/a#b"}},
      {{"--listen", "localhost"}, {"HOST:PORT", "got localhost"}},
      {{"--listen", "localhost:70000"}, {"0..65535", "got localhost:70000"}},
      {{"--listen", "127.0.0.1:7425"}, {"--insecure-listen"}},
      {{"--data-dir", ""}, {"--data-dir", "got nothing"}},
      {{"--data-dir"}, {"--data-dir", "needs a value"}},
      {{"--no-cgroups=yes"}, {"takes no value", "got yes"}},
      {{"--output-limit", "4095"}, {"4096..1073741824", "got 4095"}},
      {{"--log-levle", "info"}, {"unknown flag --log-levle", "--log-level"}},
      {{"--log-levels", "journal=loud"},
       {"--log-levels must be PART=LEVEL", "daemon, groups, tasks", "got journal=loud"}},
      {{"--no-cgroup"}, {"the nearest is --no-cgroups"}},
      {{"--cgroups=maybe"}, {"--cgroups must be true or false", "got maybe"}},
      {{"--confg", "x"}, {"the nearest is --config"}},
      {{"--config"}, {"--config needs a value"}},
      {{"--config="}, {"path of a TOML file", "got nothing"}},
      {{"--config", "a\nb"}, {"path of a TOML file", "got"}},
      {{"--check-config=yes"}, {"--check-config takes no value", "got yes"}},
      {{"--socket-group", "no-such-group"}, {"--socket-group", "group of this system", "got no-such-group"}},
      {{"serve"}, {"unexpected argument serve"}},
  };
  for (const auto& [arguments, parts] : cases) {
    const std::string error = ErrorOf(arguments);
    for (const std::string& part : parts)
      EXPECT_NE(error.find(part), std::string::npos) << error << "\nlacks: " << part;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
}

TEST(ConfigTest, HelpNamesWhatItTakes) {
  EXPECT_EQ(ParseCommandLine({"--help"}).command_line->action, CommandLine::Action::kHelp);
  EXPECT_EQ(ParseCommandLine({"--version"}).command_line->action, CommandLine::Action::kVersion);
  for (const char* flag : {"--listen", "--pool", "--drain-timeout", "--[no-]insecure-listen", "--config"}) {
    EXPECT_NE(HelpText().find(flag), std::string::npos) << flag;
  }
}

TEST(ConfigTest, EverySettingHasAKeyAFlagAndARule) {
  std::set<std::string_view> keys;
  for (const Setting& setting : Settings()) {
    EXPECT_TRUE(keys.insert(setting.key).second) << setting.key;
    EXPECT_EQ(FindSetting(setting.key), &setting);
    Config config;
    // What a file's reader relies on: nothing takes "".
    EXPECT_NE(setting.set("", &config), "") << setting.key;
    EXPECT_EQ(config, Config{}) << setting.key;
  }
}

TEST(ConfigTest, AFileSetsEveryKey) {
  const Config config = ParseText(R"(
# A comment.
listen = ["unix:/tmp/a.sock", "127.0.0.1:0"]
insecure_listen = true
socket_mode = "0660"
socket_group = "root"
data_dir = "/tmp/d"
journal = "memory"
durability = "none"
max_queued = 5
max_queued_bytes = 2097152
output_limit = 4096
reader_timeout = "3s"
drain_timeout = "1m30s"
stop_timeout = "250ms"
on_stop = "cancel"
queues = 2
cgroups = false
log_format = "json"
log_level = "debug"
log_levels = ["journal=error", "calls=info", "journal=warning"]

[pools]
default = 8
"v1.gpu" = 2
)");
  EXPECT_EQ(config.listen, (std::vector<std::string>{"unix:/tmp/a.sock", "127.0.0.1:0"}));
  EXPECT_TRUE(config.insecure_listen);
  EXPECT_EQ(config.socket_mode, 0660u);
  EXPECT_EQ(config.socket_group, "root");
  EXPECT_EQ(config.data_dir, "/tmp/d");
  EXPECT_EQ(config.journal, "memory");
  EXPECT_FALSE(config.durable);
  EXPECT_EQ(config.max_queued, 5u);
  EXPECT_EQ(config.max_queued_bytes, size_t{2} << 20);
  EXPECT_EQ(config.output_limit, 4096u);
  EXPECT_EQ(config.reader_timeout, milliseconds(3000));
  EXPECT_EQ(config.on_stop, OnStop::kCancel);
  EXPECT_EQ(config.drain_timeout, milliseconds(90'000));
  EXPECT_EQ(config.stop_timeout, milliseconds(250));
  EXPECT_EQ(config.queues, 2);
  EXPECT_FALSE(config.use_cgroups);
  EXPECT_TRUE(config.log.json);
  EXPECT_EQ(config.log.level, "debug");
  EXPECT_EQ(config.log.levels, (std::vector<std::string>{"calls=info", "journal=warning"}));
  EXPECT_EQ(Values(config).back(), (KeyValue{"pools.v1.gpu", "2"}));
  EXPECT_EQ(config.pools.size(), 2u);
}

TEST(ConfigTest, FlagsWin) {
  const std::string text =
      "listen = [\"unix:/tmp/file.sock\"]\nqueues = 4\ncgroups = false\n[pools]\ndefault = 8\nbatch = 3\n";
  const Config levels = ParseText("log_levels = [\"calls=info\"]\n", {"--log-levels=journal=debug"});
  EXPECT_EQ(levels.log.levels, std::vector<std::string>{"journal=debug"});
  const Config config = ParseText(
      text, {"--listen=unix:/tmp/a", "--listen=unix:/tmp/b", "--queues=2", "--cgroups", "--pool=batch=7"});
  EXPECT_EQ(config.listen, (std::vector<std::string>{"unix:/tmp/a", "unix:/tmp/b"}));
  EXPECT_EQ(config.queues, 2);
  EXPECT_TRUE(config.use_cgroups);
  EXPECT_EQ(Values(config)[Values(config).size() - 2], (KeyValue{"pools.batch", "7"}));
  EXPECT_EQ(Values(config).back(), (KeyValue{"pools.default", "8"}));
  EXPECT_EQ(ParseText(text).queues, 4);
}

TEST(ConfigTest, ProblemsNamePlaceKeyValueAndRange) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases = {
      {"\nqueues = 65", {"/etc/c.toml:2: queues must be 1..64, got the number 65"}},
      {"queues = \"2\"", {"queues must be 1..64, got the string \"2\""}},
      {"queues = 2.5", {"1..64", "a number with a fraction"}},
      {"queues = -1", {"1..64", "-1"}},
      {"queues = 99999999999999999999", {"/etc/c.toml:1", "no TOML"}},
      {"cgroups = 1", {"cgroups must be true or false, got the number 1"}},
      {"drain_timeout = 10",
       {"drain_timeout must be a duration of 0s..24h", "as a string, got the number 10"}},
      {"drain_timeout = \"soon\"", {"0s..24h", "got soon"}},
      {"drain_timeout = \"\"", {"0s..24h", "got nothing"}},
      {"data_dir = \"a\\u0000b\"", {"data_dir must be", "got the string \"a\\u0000b\""}},
      {"drain_timout = \"1s\"", {"drain_timout is no key", "the nearest is drain_timeout"}},
      {"drain-timeout = \"1s\"", {"drain-timeout is no key", "the nearest is drain_timeout"}},
      {"pool = 3", {"pool is no key", "the nearest is pools"}},
      {"[tls]\ncert = \"x\"", {"/etc/c.toml:1: tls is no key", "there are listen, "}},
      {"\"a b\\n\" = 1", {"\"a b\\u000A\" is no key"}},
      {"listen = \"unix:/x\"", {"listen must be an array of one or more strings", "unix:/x"}},
      {"listen = []", {"listen must be an array of one or more strings, got an empty one"}},
      {"listen = [\"unix:/x\", \"y\"]", {"listen[1] must be unix:PATH or HOST:PORT", "got y"}},
      {"listen = [\"h:1\"]", {"/etc/c.toml:1: listen h:1 needs insecure_listen"}},
      {"pools = 3", {"pools must be a table of integers"}},
      {"[pools]\nbatch = 0", {"/etc/c.toml:2: pools.batch must be 1..65536, got the number 0"}},
      {"[pools]\nbatch = 65537", {"1..65536", "65537"}},
      {"[pools]\nbatch = \"4\"", {"pools.batch must be 1..65536, got the string \"4\""}},
      {"[pools]\n\"-x\" = 4", {"pools.-x must have a name of 1..128"}},
      {"[pools.batch]\nmax = 4", {"pools.batch must be 1..65536, got a table"}},
      {"queues = 1\nqueues = 2", {"/etc/c.toml:2: is no TOML"}},
      {"queues =", {"/etc/c.toml:1: is no TOML"}},
      {"log_level = 2020-01-01", {"debug, info, warning, error", "a date or a time"}},
      {"socket_mode = 660", {"octal", "as a string, got the number 660"}},
      {"socket_group = \"no-such-group\"", {"/etc/c.toml:1: socket_group must be", "got no-such-group"}},
      {"\xff = 1", {"no TOML"}},
      {"cgroups = fals\x0f\x0f"
       "e",
       {"no TOML", "saw 'fals?"}},
      {"queues = \"" + std::string(5000, 'q') + "\"", {"queues must be 1..64, got the string", "qqq…"}},
  };
  for (const auto& [text, parts] : cases) {
    const std::vector<std::string> problems = ProblemsOf(text);
    ASSERT_EQ(problems.size(), 1u) << text;
    for (const std::string& part : parts)
      EXPECT_NE(problems[0].find(part), std::string::npos) << problems[0] << "\nlacks: " << part;
    EXPECT_EQ(problems[0].find('\n'), std::string::npos) << problems[0];
  }
}

TEST(ConfigTest, AllProblemsOfAFileAreToldFromTopToBottom) {
  const std::vector<std::string> problems =
      ProblemsOf("stop_timeout = 1\nbogus = 2\nqueues = 0\n[pools]\na = 0\n");
  ASSERT_EQ(problems.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    const std::string place = "/etc/c.toml:" + std::to_string(i < 3 ? i + 1 : 5) + ": ";
    EXPECT_EQ(problems[i].substr(0, place.size()), place);
  }
}

TEST(ConfigTest, WhatIsPrintedReadsBack) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases = {
      {"", {}},
      {"journal = \"memory\"\nlisten = [\"unix:/a \\\"b\\\\\", \"[::1]:0\"]\ninsecure_listen = true\n"
       "socket_mode = \"0007\"\nstop_timeout = \"1ms\"\ndrain_timeout = \"24h\"\n[pools]\n\"a.b\" = 65536\n",
       {"--pool=default=1", "--durability=none"}},
      {"data_dir = \"/tmp/\u00e9\\u0007\"\nsocket_group = \"0\"", {"--no-cgroups"}},
  };
  for (const auto& [text, flags] : cases) {
    const ConfigResult made = Make(text, flags);
    ASSERT_TRUE(made.loaded.has_value()) << text;
    const std::string printed = PrintConfig(*made.loaded);
    const ConfigResult again = Make(printed);
    ASSERT_TRUE(again.loaded.has_value()) << printed;
    EXPECT_EQ(Values(again.loaded->config), Values(made.loaded->config)) << printed;
  }
}

TEST(ConfigTest, PrintedValuesNameTheirSource) {
  const ConfigResult made = Make("queues = 3\n", {"--log-level=debug"});
  ASSERT_TRUE(made.loaded.has_value());
  const std::string printed = PrintConfig(*made.loaded);
  for (const char* line : {"\nqueues = 3  # /etc/c.toml:1\n", "\nlog_level = \"debug\"  # --log-level\n",
                           "\nmax_queued = 1000000  # default\n"}) {
    EXPECT_NE(printed.find(line), std::string::npos) << printed;
  }
}

TEST(ConfigTest, AFileThatCannotBeReadIsNamed) {
  const auto problem = [](const std::string& path) {
    const ConfigResult loaded = LoadConfig(Flags({"--config", path}));
    EXPECT_FALSE(loaded.loaded.has_value()) << path;
    return loaded.problems.empty() ? "" : loaded.problems[0].Text();
  };
  EXPECT_EQ(problem("/no/such/file"), "/no/such/file: cannot be read: No such file or directory");
  EXPECT_NE(problem("/tmp").find("/tmp: must be a regular file"), std::string::npos);
  EXPECT_NE(problem("/dev/zero").find("must be a regular file"), std::string::npos);
  const std::string large = testing::TempDir() + "large.toml";
  std::ofstream(large) << std::string((size_t{1} << 20) + 1, '\n');
  EXPECT_NE(problem(large).find("must be a file of at most 1048576 bytes"), std::string::npos);
  std::remove(large.c_str());
}

}  // namespace
}  // namespace covey
