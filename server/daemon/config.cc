#include "server/daemon/config.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <string_view>
#include <utility>

#include "core/run/pool.h"

namespace covey {
namespace {

using std::chrono::milliseconds;

constexpr size_t kMaxUnixPath = 107;  // sun_path less its end

// What is wrong, or "".
using Problem = std::string;

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

Problem SetDuration(std::string_view text, milliseconds* out) {
  constexpr milliseconds kDay{24 * 3600 * 1000};
  const auto value = ParseDuration(text);
  if (!value || *value > kDay) return "must be a duration of 0s..24h such as 30s, 500ms or 2m";
  *out = *value;
  return {};
}

Problem SetChoice(std::string_view text, const std::vector<std::string>& choices, std::string* out) {
  if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
    std::string all;
    for (const std::string& choice : choices) all += (all.empty() ? "" : ", ") + choice;
    return "must be one of " + all;
  }
  *out = text;
  return {};
}

Problem AddListen(std::string_view text, Config* config) {
  constexpr std::string_view kUnix = "unix:";
  if (text.starts_with(kUnix)) {
    const std::string_view path = text.substr(kUnix.size());
    if (path.empty() || path[0] != '/') return "must be unix: and an absolute path";
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
  config->listen.emplace_back(text);
  return {};
}

Problem AddPool(std::string_view text, Config* config) {
  const size_t equals = text.find('=');
  const std::string_view number =
      equals == std::string_view::npos ? std::string_view() : text.substr(equals + 1);
  const uint32_t slots = ParseNumber<uint32_t>(number).value_or(0);
  const std::string name(text.substr(0, equals));
  const auto allowed = [](unsigned char c) { return std::isalnum(c) || c == '.' || c == '_' || c == '-'; };
  if (name.empty() || name.size() > 128 || !std::isalnum(static_cast<unsigned char>(name[0])) ||
      !std::all_of(name.begin(), name.end(), allowed) || slots < 1 || slots > Pool::kMaxSlots) {
    return "must be NAME=MAX with a name of 1..128 letters, digits, '.', '_', '-' and 1.." +
           std::to_string(Pool::kMaxSlots) + " slots, as in default=64";
  }
  std::erase_if(config->pools, [&](const PoolConfig& pool) { return pool.name == name; });
  config->pools.push_back({name, slots});
  return {};
}

struct Flag {
  std::string_view name;
  std::string_view value;  // placeholder; empty: it takes none
  std::string_view help;
  std::function<Problem(std::string_view, Config*)> set;
};

const std::vector<Flag>& Flags() {
  static const auto* const kFlags = new std::vector<Flag>{
      {"--listen", "ADDRESS",
       "unix:PATH or HOST:PORT (usual port 7425); may be repeated. Default: the socket below", AddListen},
      {"--insecure-listen", "", "allow HOST:PORT: whoever reaches it can run commands as this user",
       [](std::string_view, Config* config) {
         config->insecure_listen = true;
         return Problem();
       }},
      {"--socket-mode", "MODE", "permissions of unix sockets, octal. Default: 0600",
       [](std::string_view text, Config* config) {
         const auto mode = ParseNumber<uint32_t>(text, 8);
         if (!mode || *mode > 0777) return Problem("must be an octal mode of 0..0777, as in 0660");
         config->socket_mode = *mode;
         return Problem();
       }},
      {"--socket-group", "GROUP", "group that unix sockets belong to, by name",
       [](std::string_view text, Config* config) {
         if (text.empty()) return Problem("must be the name of a group");
         config->socket_group = text;
         return Problem();
       }},
      {"--data-dir", "DIR", "where the journal and the output are kept. Default: see below",
       [](std::string_view text, Config* config) {
         if (text.empty()) return Problem("must be a directory");
         config->data_dir = text;
         return Problem();
       }},
      {"--journal", "KIND", "sqlite or memory (nothing survives). Default: sqlite",
       [](std::string_view text, Config* config) {
         return SetChoice(text, {"sqlite", "memory"}, &config->journal);
       }},
      {"--durability", "KIND", "full (acknowledged survives a power cut) or none. Default: full",
       [](std::string_view text, Config* config) {
         std::string choice;
         Problem problem = SetChoice(text, {"full", "none"}, &choice);
         config->durable = choice != "none";
         return problem;
       }},
      {"--pool", "NAME=MAX",
       "a pool and how many tasks run in it at once, 1..65536; may be repeated. The pool default has 64, "
       "or what it was set to, without it",
       AddPool},
      {"--max-queued", "N", "tasks that may wait for a slot, 1..100000000. Default: 1000000",
       [](std::string_view text, Config* config) {
         return SetNumber<size_t>(text, 1, 100'000'000, &config->max_queued);
       }},
      {"--output-limit", "BYTES",
       "bytes kept of the beginning and of the end of each stream of a task, 4096..1073741824. Default: "
       "1048576",
       [](std::string_view text, Config* config) {
         return SetNumber<size_t>(text, 4096, size_t{1} << 30, &config->output_limit);
       }},
      {"--drain-timeout", "DURATION",
       "on SIGTERM: time for running groups to end by themselves. Default: 10s",
       [](std::string_view text, Config* config) { return SetDuration(text, &config->drain_timeout); }},
      {"--stop-timeout", "DURATION", "after that: time for cancelled groups to be gone. Default: 30s",
       [](std::string_view text, Config* config) { return SetDuration(text, &config->stop_timeout); }},
      {"--queues", "N", "completion queues of the API, one thread each, 1..64. Default: 1",
       [](std::string_view text, Config* config) { return SetNumber<int>(text, 1, 64, &config->queues); }},
      {"--no-cgroups", "", "do not use cgroups to tell process trees apart",
       [](std::string_view, Config* config) {
         config->use_cgroups = false;
         return Problem();
       }},
      {"--log-format", "FORMAT", "text or json. Default: text",
       [](std::string_view text, Config* config) {
         std::string choice;
         Problem problem = SetChoice(text, {"text", "json"}, &choice);
         config->log_json = choice == "json";
         return problem;
       }},
      {"--log-level", "LEVEL", "debug, info, warning or error. Default: info",
       [](std::string_view text, Config* config) {
         return SetChoice(text, {"debug", "info", "warning", "error"}, &config->log_level);
       }},
  };
  return *kFlags;
}

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

Problem UnknownFlag(std::string_view name) {
  const auto nearest = std::min_element(Flags().begin(), Flags().end(), [&](const Flag& a, const Flag& b) {
    return EditDistance(a.name, name) < EditDistance(b.name, name);
  });
  return "unknown flag " + std::string(name) + "; the nearest is " + std::string(nearest->name) +
         ", and --help lists all";
}

const char* Environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value == '/' ? value : nullptr;
}

// Fills in what was not said.
Problem SetDefaults(Config* config) {
  const bool root = geteuid() == 0;
  if (config->listen.empty()) {
    const char* runtime = Environment("XDG_RUNTIME_DIR");
    if (!root && runtime == nullptr)
      return "--listen is needed: XDG_RUNTIME_DIR is not set, so there is no default socket";
    if (Problem problem =
            AddListen("unix:" + std::string(root ? "/run" : runtime) + "/covey/coveyd.sock", config);
        !problem.empty()) {
      return "--listen: the default socket's path " + problem;
    }
  }
  if (config->data_dir.empty() && config->journal == "sqlite") {
    const char* state = Environment("XDG_STATE_HOME");
    const char* home = Environment("HOME");
    if (root) {
      config->data_dir = "/var/lib/covey";
    } else if (state != nullptr) {
      config->data_dir = std::string(state) + "/covey";
    } else if (home != nullptr) {
      config->data_dir = std::string(home) + "/.local/state/covey";
    } else {
      return "--data-dir is needed: neither XDG_STATE_HOME nor HOME is set";
    }
  }
  for (const std::string& address : config->listen) {
    if (!address.starts_with("unix:") && !config->insecure_listen) {
      return "--listen " + address +
             " needs --insecure-listen: there is no authentication yet, and whoever reaches the " +
             "address can run commands as this user";
    }
  }
  return {};
}

}  // namespace

std::optional<milliseconds> ParseDuration(std::string_view text) {
  static constexpr std::pair<std::string_view, double> kUnits[] = {
      {"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}};
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc() || !(number >= 0)) return std::nullopt;
  const std::string_view unit = text.substr(end - text.data());
  for (const auto& [name, factor] : kUnits) {
    if (unit != name) continue;
    const double value = std::round(number * factor);
    if (value > 1e15) return std::nullopt;
    return milliseconds(static_cast<int64_t>(value));
  }
  return std::nullopt;
}

std::string HelpText() {
  std::string text =
      "coveyd: runs groups of tasks for clients: together started, together failed, together cancelled.\n\n"
      "usage: coveyd [FLAG…]\n\n";
  for (const Flag& flag : Flags()) {
    std::string left =
        "  " + std::string(flag.name) + (flag.value.empty() ? "" : " " + std::string(flag.value));
    left.resize(std::max<size_t>(left.size() + 2, 28), ' ');
    text += left + std::string(flag.help) + "\n";
  }
  text +=
      "  --version                 print the version\n"
      "  --help                    print this\n\n"
      "Root listens on /run/covey/coveyd.sock and keeps data in /var/lib/covey; others listen on\n"
      "$XDG_RUNTIME_DIR/covey/coveyd.sock and keep data in $XDG_STATE_HOME/covey (else "
      "~/.local/state/covey).\n"
      "SIGTERM and SIGINT drain and exit: 0 when everything ended, 1 when something ignored its cancel. A "
      "second one\n"
      "cancels at once. Exit codes: 64 for bad flags, 73 when an address, the data directory or the journal "
      "cannot be had.\n";
  return text;
}

ParsedCommandLine ParseCommandLine(const std::vector<std::string>& arguments) {
  CommandLine result;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string name = arguments[i];
    std::optional<std::string> value;
    if (name == "--help" || name == "-h")
      return {.command_line = CommandLine{.action = CommandLine::Action::kHelp}, .error = {}};
    if (name == "--version")
      return {.command_line = CommandLine{.action = CommandLine::Action::kVersion}, .error = {}};
    if (!name.starts_with("-"))
      return {.command_line = {}, .error = "unexpected argument " + name + ": coveyd takes flags alone"};
    if (const size_t equals = name.find('='); equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    }
    const auto flag =
        std::find_if(Flags().begin(), Flags().end(), [&](const Flag& each) { return each.name == name; });
    if (flag == Flags().end()) return {.command_line = {}, .error = UnknownFlag(name)};
    if (flag->value.empty()) {
      if (value) return {.command_line = {}, .error = name + " takes no value, got " + *value};
    } else if (!value) {
      if (i + 1 == arguments.size())
        return {.command_line = {}, .error = name + " needs a value: " + std::string(flag->help)};
      value = arguments[++i];
    }
    if (Problem problem = flag->set(value.value_or(""), &result.config); !problem.empty()) {
      return {.command_line = {},
              .error = name + " " + problem + ", got " + (value->empty() ? "nothing" : *value)};
    }
  }
  if (Problem problem = SetDefaults(&result.config); !problem.empty())
    return {.command_line = {}, .error = problem};
  return {.command_line = std::move(result), .error = {}};
}

}  // namespace covey
