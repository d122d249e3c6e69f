#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/engine.h"

namespace covey {

// How the daemon runs. Defaults depend on who runs it: root gets the system's directories, others their own.
struct Config {
  std::vector<std::string> listen;  // "unix:/path" or "HOST:PORT"
  bool insecure_listen = false;     // allow TCP, where everybody who reaches it runs commands
  uint32_t socket_mode = 0600;
  std::string socket_group;  // empty: that of the process
  std::string data_dir;
  std::string journal = "sqlite";
  bool durable = true;
  std::chrono::milliseconds drain_timeout{10'000};
  std::chrono::milliseconds stop_timeout{30'000};
  std::vector<PoolConfig> pools;
  size_t max_queued = 1'000'000;
  size_t output_limit = size_t{1} << 20;  // bytes kept of the head, and of the tail, of each stream
  int queues = 1;
  bool use_cgroups = true;
  std::string log_level = "info";
  bool log_json = false;
};

// What the command line asks for.
struct CommandLine {
  enum class Action { kRun, kHelp, kVersion };
  Action action = Action::kRun;
  Config config;
};

// Parses and checks. An error is one line that names the flag, the value and what would be right.
struct ParsedCommandLine {
  std::optional<CommandLine> command_line;
  std::string error;
};
ParsedCommandLine ParseCommandLine(const std::vector<std::string>& arguments);

// The text of --help.
std::string HelpText();

// "1.5s", "250ms", "10m", "2h"; nullopt for anything else.
std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text);

}  // namespace covey
