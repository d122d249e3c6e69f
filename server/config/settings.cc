#include "server/config/settings.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "core/base/duration.h"
#include "covey/pool.h"
#include "server/log/line.h"

namespace covey {
namespace {

using std::chrono::milliseconds;

constexpr size_t kMaxUnixPath = 107;  // sun_path less its end

template <typename T>
std::optional<T> ParseNumber(std::string_view text, int base = 10) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <typename T>
Problem SetNumber(std::string_view text, T min, T max, T* out) {
  const auto value = ParseNumber<T>(text);
  if (!value || *value < min || *value > max) {
    return "must be " + std::to_string(min) + ".." + std::to_string(max);
  }
  *out = *value;
  return {};
}

Problem SetSwitch(std::string_view text, bool* out) {
  if (text != "true" && text != "false") return "must be true or false";
  *out = text == "true";
  return {};
}

Problem SetDuration(std::string_view text, milliseconds* out) {
  constexpr std::chrono::hours kDay{24};
  const Result<std::chrono::nanoseconds> value = ParseDuration(text);
  if (!value.ok() || value.value() > kDay) return "must be a duration of 0s..24h such as 30s, 500ms or 2m";
  *out = std::chrono::floor<milliseconds>(value.value());
  return {};
}

std::string DurationValue(milliseconds duration) {
  const bool whole = duration.count() % 1000 == 0;
  return TomlString(whole ? std::to_string(duration.count() / 1000) + "s"
                          : std::to_string(duration.count()) + "ms");
}

// 0: none.
Problem SetAge(std::string_view text, std::chrono::microseconds* out) {
  constexpr std::chrono::hours kTenYears{24 * 3650};
  const Result<std::chrono::nanoseconds> value = ParseDuration(text);
  if (!value.ok() || value.value() > kTenYears)
    return "must be a duration of 0s..3650d such as 7d, 12h or 30m";
  *out = std::chrono::floor<milliseconds>(value.value());
  return {};
}

std::string AgeValue(std::chrono::microseconds age) {
  constexpr std::chrono::hours kDay{24};
  if (age.count() > 0 && age % kDay == std::chrono::microseconds(0))
    return TomlString(std::to_string(age / kDay) + "d");
  return DurationValue(std::chrono::duration_cast<milliseconds>(age));
}

std::string SwitchValue(bool on) { return on ? "true" : "false"; }

// A string that says nothing when it is empty.
std::string TextValue(const std::string& text) { return text.empty() ? std::string() : TomlString(text); }

Problem SetChoice(std::string_view text, const std::vector<std::string_view>& choices, std::string* out) {
  if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
    std::string all;
    for (const std::string_view choice : choices) all += (all.empty() ? "" : ", ") + std::string(choice);
    return "must be one of " + all;
  }
  *out = text;
  return {};
}

Problem SetChoice(std::string_view text, std::string_view no, std::string_view yes, bool* out) {
  std::string choice;
  Problem problem = SetChoice(text, {no, yes}, &choice);
  if (problem.empty()) *out = choice == yes;
  return problem;
}

Problem CheckAddress(std::string_view text) {
  constexpr std::string_view kUnix = "unix:";
  if (text.starts_with(kUnix)) {
    const std::string_view path = text.substr(kUnix.size());
    if (path.empty() || path[0] != '/') return "must be unix: and an absolute path";
    // gRPC takes an address for a URI: they would be decoded, or cut the path short.
    if (path.find_first_of("%?#") != std::string_view::npos) return "must be a path without %, ? and #";
    if (path.size() > kMaxUnixPath) {
      return "must be a path of at most " + std::to_string(kMaxUnixPath) + " bytes: the kernel takes no more";
    }
  } else {
    const size_t colon = text.rfind(':');
    const auto port =
        colon == std::string_view::npos ? std::nullopt : ParseNumber<uint32_t>(text.substr(colon + 1));
    if (colon == 0 || !port || *port > 65535) {
      return "must be unix:PATH or HOST:PORT with a port of 0..65535, as in unix:/run/covey/coveyd.sock or "
             "127.0.0.1:7425";
    }
  }
  return {};
}

Problem AddListen(std::string_view text, Config* config) {
  Problem problem = CheckAddress(text);
  if (problem.empty()) config->listen.emplace_back(text);
  return problem;
}

std::string ListValue(const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? "[" : ", ") + TomlString(value);
  return text.empty() ? text : text + "]";
}

Problem AddLogLevel(std::string_view text, Config* config) {
  const size_t equals = text.find('=');
  const auto contains = [](const auto& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (equals == std::string_view::npos || !contains(kLogParts, text.substr(0, equals)) ||
      !contains(kLogLevels, text.substr(equals + 1))) {
    std::string parts;
    for (const std::string_view part : kLogParts) parts += (parts.empty() ? "" : ", ") + std::string(part);
    return "must be PART=LEVEL, as in journal=debug, with a part of " + parts;
  }
  const std::string_view part = text.substr(0, equals + 1);
  std::erase_if(config->log.levels, [part](const std::string& level) { return level.starts_with(part); });
  config->log.levels.emplace_back(text);
  return {};
}

Problem SetMode(std::string_view text, uint32_t* out) {
  const auto mode = ParseNumber<uint32_t>(text, 8);
  if (!mode || *mode > 0777) return "must be an octal mode of 0..0777, as in 0660";
  *out = *mode;
  return {};
}

std::string ModeValue(uint32_t mode) {
  std::string text = "0";
  for (const int shift : {6, 3, 0}) text += static_cast<char>('0' + (mode >> shift) % 8);
  return TomlString(text);
}

Problem AddPool(std::string_view text, Config* config) {
  const size_t equals = text.find('=');
  const std::string_view name = text.substr(0, equals);
  const std::string_view number =
      equals == std::string_view::npos ? std::string_view() : text.substr(equals + 1);
  const uint32_t slots = ParseNumber<uint32_t>(number).value_or(0);
  if (!CheckPoolName(name).empty() || !CheckPoolMax(slots).empty()) {
    return "must be NAME=MAX with a name of 1..128 letters, digits, '.', '_', '-' and 1.." +
           std::to_string(Pool::kMaxSlots) + " slots, as in default=64";
  }
  SetPool(name, slots, config);
  return {};
}

std::vector<Setting> MakeSettings() {
  using Kind = Setting::Kind;
  return {
      {"listen", Kind::kList, false, "ADDRESS",
       "where to listen: unix:PATH or HOST:PORT (usual port 7425). Default: the socket below", AddListen,
       [](const Config& config) { return ListValue(config.listen); },
       [](Config* config) { config->listen.clear(); }},
      {"insecure_listen", Kind::kSwitch, false, "",
       "allow HOST:PORT: whoever reaches it can run commands as this user",
       [](std::string_view text, Config* config) { return SetSwitch(text, &config->insecure_listen); },
       [](const Config& config) { return SwitchValue(config.insecure_listen); }},
      {"http_listen", Kind::kText, false, "ADDRESS",
       "where to serve metrics and health over HTTP: unix:PATH or HOST:PORT. Default: nowhere. HOST other "
       "than this "
       "machine's own (127.0.0.1, localhost, [::1]) needs insecure_listen",
       [](std::string_view text, Config* config) {
         Problem problem = CheckAddress(text);
         if (problem.empty()) config->http_listen = text;
         return problem;
       },
       [](const Config& config) { return TextValue(config.http_listen); }},
      {"socket_mode", Kind::kText, true, "MODE", "permissions of unix sockets, octal",
       [](std::string_view text, Config* config) { return SetMode(text, &config->socket_mode); },
       [](const Config& config) { return ModeValue(config.socket_mode); }},
      {"socket_group", Kind::kText, true, "GROUP",
       "group that unix sockets belong to, by name or number. Default: that of the process",
       [](std::string_view text, Config* config) {
         if (text.empty()) return Problem("must be a group of this system");
         config->socket_group = text;
         return Problem();
       },
       [](const Config& config) { return TextValue(config.socket_group); }},
      {"data_dir", Kind::kText, false, "DIR", "where the journal and the output are kept. Default: see below",
       [](std::string_view text, Config* config) {
         if (text.empty()) return Problem("must be a directory");
         config->data_dir = text;
         return Problem();
       },
       [](const Config& config) { return TextValue(config.data_dir); }},
      {"journal", Kind::kText, false, "KIND", "sqlite or memory (nothing survives)",
       [](std::string_view text, Config* config) {
         return SetChoice(text, {"sqlite", "memory"}, &config->journal);
       },
       [](const Config& config) { return TomlString(config.journal); }},
      {"durability", Kind::kText, false, "KIND", "full (acknowledged survives a power cut) or none",
       [](std::string_view text, Config* config) {
         return SetChoice(text, "none", "full", &config->durable);
       },
       [](const Config& config) { return TomlString(config.durable ? "full" : "none"); }},
      {"pools", Kind::kPools, true, "NAME=MAX",
       "a pool and how many tasks run in it at once, 1..65536. The pool default has 64, or what it was set "
       "to, without it",
       AddPool, [](const Config&) { return std::string(); }},
      {"max_queued", Kind::kNumber, true, "N", "tasks that may wait for a slot, 1..100000000",
       [](std::string_view text, Config* config) {
         return SetNumber<size_t>(text, 1, 100'000'000, &config->max_queued);
       },
       [](const Config& config) { return std::to_string(config.max_queued); }},
      {"max_queued_bytes", Kind::kNumber, true, "BYTES",
       "bytes of tasks (arguments, environment, input, payload) that may wait for a slot, "
       "1048576..1099511627776",
       [](std::string_view text, Config* config) {
         return SetNumber<size_t>(text, size_t{1} << 20, size_t{1} << 40, &config->max_queued_bytes);
       },
       [](const Config& config) { return std::to_string(config.max_queued_bytes); }},
      {"max_group_memory", Kind::kNumber, false, "BYTES",
       "bytes in memory of newest events and of tasks that wait, which are in the journal as well, "
       "1048576..1099511627776",
       [](std::string_view text, Config* config) {
         return SetNumber<size_t>(text, size_t{1} << 20, size_t{1} << 40, &config->max_group_memory);
       },
       [](const Config& config) { return std::to_string(config.max_group_memory); }},
      {"max_request_memory", Kind::kNumber, false, "BYTES",
       "bytes of requests that are handled at once, 16777216..1099511627776",
       [](std::string_view text, Config* config) {
         return SetNumber<size_t>(text, size_t{16} << 20, size_t{1} << 40, &config->max_request_memory);
       },
       [](const Config& config) { return std::to_string(config.max_request_memory); }},
      {"max_connection_memory", Kind::kNumber, false, "BYTES",
       "bytes of what connections have received and not yet sent, 33554432..1099511627776",
       [](std::string_view text, Config* config) {
         return SetNumber<size_t>(text, size_t{32} << 20, size_t{1} << 40, &config->max_connection_memory);
       },
       [](const Config& config) { return std::to_string(config.max_connection_memory); }},
      {"max_stream_memory", Kind::kNumber, false, "BYTES",
       "bytes of messages of event streams that readers have not taken yet, 16777216..1099511627776",
       [](std::string_view text, Config* config) {
         return SetNumber<size_t>(text, size_t{16} << 20, size_t{1} << 40, &config->max_stream_memory);
       },
       [](const Config& config) { return std::to_string(config.max_stream_memory); }},
      {"output_limit", Kind::kNumber, true, "BYTES",
       "bytes kept of the beginning and of the end of each stream of a task, 4096..1073741824",
       [](std::string_view text, Config* config) {
         return SetNumber<size_t>(text, 4096, size_t{1} << 30, &config->output_limit);
       },
       [](const Config& config) { return std::to_string(config.output_limit); }},
      {"retain_age", Kind::kText, true, "DURATION",
       "groups are purged so long after their end, 0s (never)..3650d",
       [](std::string_view text, Config* config) { return SetAge(text, &config->retain.age); },
       [](const Config& config) { return AgeValue(config.retain.age); }},
      {"retain_failed_age", Kind::kText, true, "DURATION",
       "the same for groups that failed, 0s (never)..3650d",
       [](std::string_view text, Config* config) { return SetAge(text, &config->retain.failed_age); },
       [](const Config& config) { return AgeValue(config.retain.failed_age); }},
      {"retain_groups", Kind::kNumber, true, "N",
       "groups that are over and stay, the newest ones, 0 (all)..1000000000",
       [](std::string_view text, Config* config) {
         return SetNumber<uint64_t>(text, 0, 1'000'000'000, &config->retain.groups);
       },
       [](const Config& config) { return std::to_string(config.retain.groups); }},
      {"retain_bytes", Kind::kNumber, true, "BYTES",
       "bytes of groups that are over and stay, in journal and output together, 0 (all)..1125899906842624",
       [](std::string_view text, Config* config) {
         return SetNumber<uint64_t>(text, 0, uint64_t{1} << 50, &config->retain.bytes);
       },
       [](const Config& config) { return std::to_string(config.retain.bytes); }},
      {"reader_timeout", Kind::kText, false, "DURATION",
       "cancels a group whose call takes none of its output for so long, 0s (never)..24h",
       [](std::string_view text, Config* config) { return SetDuration(text, &config->reader_timeout); },
       [](const Config& config) { return DurationValue(config.reader_timeout); }},
      {"on_stop", Kind::kText, true, "WAY",
       "on SIGTERM: suspend (detached groups go on after the next start) or cancel (they end)",
       [](std::string_view text, Config* config) {
         bool cancel = false;
         Problem problem = SetChoice(text, "suspend", "cancel", &cancel);
         if (problem.empty()) config->on_stop = cancel ? OnStop::kCancel : OnStop::kSuspend;
         return problem;
       },
       [](const Config& config) {
         return TomlString(config.on_stop == OnStop::kCancel ? "cancel" : "suspend");
       }},
      {"stop_timeout", Kind::kText, true, "DURATION",
       "on SIGTERM: time for the whole stop, 0s..24h; what still runs at its end is killed",
       [](std::string_view text, Config* config) { return SetDuration(text, &config->stop_timeout); },
       [](const Config& config) { return DurationValue(config.stop_timeout); }},
      {"drain_timeout", Kind::kText, true, "DURATION",
       "of that: time for what runs to end by itself before it is told to stop, 0s..24h; at most half of "
       "stop_timeout is used",
       [](std::string_view text, Config* config) { return SetDuration(text, &config->drain_timeout); },
       [](const Config& config) { return DurationValue(config.drain_timeout); }},
      {"queues", Kind::kNumber, false, "N", "completion queues of the API, one thread each, 1..64",
       [](std::string_view text, Config* config) { return SetNumber<int>(text, 1, 64, &config->queues); },
       [](const Config& config) { return std::to_string(config.queues); }},
      {"cgroups", Kind::kSwitch, false, "", "use cgroups to tell process trees apart, where they can be had",
       [](std::string_view text, Config* config) { return SetSwitch(text, &config->use_cgroups); },
       [](const Config& config) { return SwitchValue(config.use_cgroups); }},
      {"log_format", Kind::kText, true, "FORMAT", "text or json",
       [](std::string_view text, Config* config) {
         return SetChoice(text, "text", "json", &config->log.json);
       },
       [](const Config& config) { return TomlString(config.log.json ? "json" : "text"); }},
      {"log_level", Kind::kText, true, "LEVEL", "debug, info, warning or error",
       [](std::string_view text, Config* config) {
         return SetChoice(text, {"debug", "info", "warning", "error"}, &config->log.level);
       },
       [](const Config& config) { return TomlString(config.log.level); }},
      {"log_levels", Kind::kList, true, "PART=LEVEL",
       "the same for one part of the log: daemon, groups, tasks, calls, journal, processes or libraries",
       AddLogLevel, [](const Config& config) { return ListValue(config.log.levels); },
       [](Config* config) { config->log.levels.clear(); }},
  };
}

}  // namespace

const std::vector<Setting>& Settings() {
  static const auto* const kSettings = new std::vector<Setting>(MakeSettings());
  return *kSettings;
}

const Setting* FindSetting(std::string_view key) {
  for (const Setting& setting : Settings()) {
    if (setting.key == key) return &setting;
  }
  return nullptr;
}

std::string FlagOf(const Setting& setting) {
  if (setting.kind == Setting::Kind::kPools) return "--pool";
  std::string flag = "--" + std::string(setting.key);
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

Problem CheckPoolName(std::string_view name) {
  const auto is_alnum = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  const auto allowed = [&](char c) { return is_alnum(c) || c == '.' || c == '_' || c == '-'; };
  if (!name.empty() && name.size() <= 128 && is_alnum(name[0]) &&
      std::all_of(name.begin(), name.end(), allowed)) {
    return {};
  }
  return "must have a name of 1..128 letters, digits, '.', '_', '-' that begins with a letter or a digit";
}

Problem CheckPoolMax(int64_t max) {
  if (max >= 1 && max <= Pool::kMaxSlots) return {};
  return "must be 1.." + std::to_string(Pool::kMaxSlots);
}

void SetPool(std::string_view name, uint32_t max, Config* config) {
  std::erase_if(config->pools, [&](const PoolConfig& pool) { return pool.name == name; });
  config->pools.push_back({std::string(name), max});
}

std::vector<KeyValue> Values(const Config& config) {
  std::vector<KeyValue> values;
  for (const Setting& setting : Settings()) {
    if (std::string value = setting.get(config); !value.empty()) {
      values.push_back({std::string(setting.key), std::move(value)});
    }
  }
  const size_t pools = values.size();
  for (const PoolConfig& pool : config.pools)
    values.push_back({"pools." + pool.name, std::to_string(pool.max)});
  std::sort(values.begin() + static_cast<std::ptrdiff_t>(pools), values.end(),
            [](const KeyValue& a, const KeyValue& b) { return a.key < b.key; });
  return values;
}

std::string TomlString(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (byte < 0x20 || byte == 0x7F) {
      quoted += "\\u00";
      quoted += kHex[byte >> 4];
      quoted += kHex[byte & 0xF];
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string Shown(std::string_view text) {
  constexpr size_t kLongest = 200;
  if (text.empty()) return "nothing";
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
  return Shorten(plain ? std::string(text) : TomlString(text), kLongest);
}

std::string Shorten(std::string text, size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0) == 0x80) --limit;
  text.resize(limit);
  return text + "…";
}

}  // namespace covey
