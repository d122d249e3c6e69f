#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/config.h"

namespace covey {

// What is wrong with a value, as in "must be 1..64"; empty: nothing.
using Problem = std::string;

// One setting: its name, and how text becomes a value and a value text. The flag has the key's name, with
// dashes.
struct Setting {
  enum class Kind {
    kText,    // file: a string
    kNumber,  // file: an integer
    kSwitch,  // file: true or false; flags: --KEY, --no-KEY
    kList,    // file: an array of strings; flags: may be repeated, and replace those of the file
    kPools,   // file: a table of integers; flags: NAME=MAX, for that pool alone
  };

  std::string_view key;  // "drain_timeout"
  Kind kind = Kind::kText;
  bool live = false;             // can change while the daemon runs
  std::string_view placeholder;  // what the flag takes, as in "DURATION"
  std::string_view help;         // what it is for, with its range
  // One value; a list gets one more.
  std::function<Problem(std::string_view text, Config* config)> set;
  // As TOML; empty: nothing to say. That of Config{} is the default.
  std::function<std::string(const Config& config)> get;
  // Of a list: takes away what it has.
  std::function<void(Config* config)> clear{};
};

// All of them, in the order in which people read them.
const std::vector<Setting>& Settings();

// Null when there is none of that name.
const Setting* FindSetting(std::string_view key);

// "--drain-timeout"; of the pools "--pool".
std::string FlagOf(const Setting& setting);

// The name and the bound of one pool.
Problem CheckPoolName(std::string_view name);
Problem CheckPoolMax(int64_t max);
void SetPool(std::string_view name, uint32_t max, Config* config);

// One key with a value, as TOML.
struct KeyValue {
  std::string key;  // "drain_timeout", "pools.batch"
  std::string value;

  bool operator==(const KeyValue&) const = default;
};

// What `config` says, in the order of Settings(), pools by name.
std::vector<KeyValue> Values(const Config& config);

// A string as TOML has it, within quotes.
std::string TomlString(std::string_view text);

// A bad value as a message tells it: short, on one line.
std::string Shown(std::string_view text);

// At most `limit` bytes of UTF-8, cut between characters.
std::string Shorten(std::string text, size_t limit);

}  // namespace covey
