#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace covey {

// What to start: one process, the root of a tree.
struct ProcessSpec {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH (the PATH of `env`) unless it has a slash
  std::vector<std::pair<std::string, std::string>> env;  // the whole environment: nothing is inherited
  std::string working_dir;                               // empty: the daemon's
  std::string stdin_bytes;                               // written to stdin, then end of file; empty: /dev/null
  int stop_signal = SIGTERM;
  std::chrono::nanoseconds grace = std::chrono::seconds(10);  // stop signal to SIGKILL; 0: SIGKILL at once
};

}  // namespace covey
