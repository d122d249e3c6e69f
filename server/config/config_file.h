#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/config.h"

namespace covey {

// What is wrong with one setting.
struct ConfigProblem {
  std::string where;  // "/etc/covey/coveyd.toml:12", "--queues"; empty: nowhere in particular
  std::string key;    // as in the file; empty: about the whole
  std::string description;

  // On one line, for people.
  std::string Text() const;
};

// Applies a configuration file's text, TOML 1.0 (https://toml.io/en/v1.0.0), to `config`. `name` is how
// problems call the file; `lines` gets the place of each key that was set, "NAME:LINE" by "drain_timeout" or
// "pools.batch". All problems, in the order of the file; with any of them `config` is not to be used.
std::vector<ConfigProblem> ApplyConfigText(std::string_view text, const std::string& name, Config* config,
                                           std::map<std::string, std::string>* lines);

}  // namespace covey
