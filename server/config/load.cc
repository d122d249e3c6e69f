#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string_view>
#include <utility>

#include "core/base/unique_fd.h"
#include "core/process/account.h"
#include "server/config/command_line.h"

namespace covey {
namespace {

constexpr size_t kMaxFile = size_t{1} << 20;  // bytes; the longest sensible one has a few thousand

const char* Environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value == '/' ? value : nullptr;
}

// Why not, or "".
std::string ReadFile(const std::string& path, std::string* text) {
  const auto failed = [] { return std::string("cannot be read: ") + std::strerror(errno); };
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // a pipe must not block
  struct stat info {};
  if (!fd || fstat(fd.get(), &info) != 0) return failed();
  if (!S_ISREG(info.st_mode)) return "must be a regular file: it is read again at each reload";
  char buffer[16384];
  for (;;) {
    const ssize_t got = read(fd.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed();
    if (got == 0) return "";
    text->append(buffer, static_cast<size_t>(got));
    if (text->size() > kMaxFile) return "must be a file of at most " + std::to_string(kMaxFile) + " bytes";
  }
}

// Whether "HOST:PORT" is met by this machine alone.
bool IsLoopback(std::string_view address) {
  const std::string_view host = address.substr(0, address.rfind(':'));
  return host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

// Fills in what was not said, and looks at what must fit together.
class Finisher {
 public:
  explicit Finisher(LoadedConfig* loaded) : loaded_(*loaded), config_(loaded->config) {}

  std::vector<ConfigProblem> Finish() {
    const bool root = geteuid() == 0;
    if (config_.listen.empty()) ListenByDefault(root);
    if (config_.data_dir.empty() && config_.journal == "sqlite") KeepByDefault(root);
    for (const std::string& address : config_.listen) {
      if (address.starts_with("unix:") || config_.insecure_listen) continue;
      Refuse("listen", address +
                           " needs insecure_listen (--insecure-listen): there is no authentication yet, and "
                           "whoever reaches the address can run commands as this user");
      break;
    }
    if (const std::string& http = config_.http_listen;
        !http.empty() && !http.starts_with("unix:") && !IsLoopback(http) && !config_.insecure_listen) {
      Refuse("http_listen",
             http +
                 " needs insecure_listen (--insecure-listen): whoever reaches the address sees the figures "
                 "of this daemon; 127.0.0.1, localhost and [::1] do not need it");
    }
    Account account;
    if (!config_.socket_group.empty() && FindAccount("", config_.socket_group, &account)) {
      Refuse("socket_group", "must be a group of this system, got " + Shown(config_.socket_group));
    }
    return std::move(problems_);
  }

 private:
  void Refuse(const std::string& key, std::string description) {
    const auto source = loaded_.sources.find(key);
    problems_.push_back({source == loaded_.sources.end() ? "" : source->second, key, std::move(description)});
  }

  void ListenByDefault(bool root) {
    std::string directory;
    if (const char* given = Environment("RUNTIME_DIRECTORY")) {
      directory = First(given);
    } else if (root) {
      directory = "/run/covey";
    } else if (const char* runtime = Environment("XDG_RUNTIME_DIR")) {
      directory = std::string(runtime) + "/covey";
    } else {
      Refuse("listen", "(--listen) is needed: XDG_RUNTIME_DIR is not set, so there is no default socket");
      return;
    }
    const std::string address = "unix:" + directory + "/coveyd.sock";
    if (Problem problem = FindSetting("listen")->set(address, &config_); !problem.empty()) {
      Refuse("listen", "(--listen) is needed: the default socket " + address + " " + problem);
    }
  }

  void KeepByDefault(bool root) {
    if (const char* given = Environment("STATE_DIRECTORY")) {
      config_.data_dir = First(given);
    } else if (root) {
      config_.data_dir = "/var/lib/covey";
    } else if (const char* state = Environment("XDG_STATE_HOME")) {
      config_.data_dir = std::string(state) + "/covey";
    } else if (const char* home = Environment("HOME")) {
      config_.data_dir = std::string(home) + "/.local/state/covey";
    } else {
      Refuse("data_dir", "(--data-dir) is needed: neither XDG_STATE_HOME nor HOME is set");
    }
  }

  // Of the directories that systemd made (systemd.exec(5)).
  static std::string First(std::string_view directories) {
    return std::string(directories.substr(0, directories.find(':')));
  }

  const LoadedConfig& loaded_;
  Config& config_;
  std::vector<ConfigProblem> problems_;
};

}  // namespace

ConfigResult MakeConfig(const CommandLine& command_line, std::string_view text) {
  LoadedConfig loaded;
  if (!command_line.config_file.empty()) {
    std::vector<ConfigProblem> problems =
        ApplyConfigText(text, command_line.config_file, &loaded.config, &loaded.sources);
    if (!problems.empty()) return {.loaded = std::nullopt, .problems = std::move(problems)};
  }
  std::set<std::string_view> first;
  for (const CommandLine::Flag& flag : command_line.flags) {
    const Setting& setting = *flag.setting;
    // The first flag of a list puts aside what the file says.
    if (setting.clear && first.insert(setting.key).second) setting.clear(&loaded.config);
    setting.set(flag.value, &loaded.config);
    std::string key(setting.key);
    if (setting.kind == Setting::Kind::kPools) key += "." + flag.value.substr(0, flag.value.find('='));
    loaded.sources.insert_or_assign(std::move(key), FlagOf(setting));
  }
  std::vector<ConfigProblem> problems = Finisher(&loaded).Finish();
  if (!problems.empty()) return {.loaded = std::nullopt, .problems = std::move(problems)};
  return {.loaded = std::move(loaded), .problems = {}};
}

ConfigResult LoadConfig(const CommandLine& command_line) {
  std::string text;
  if (const std::string& path = command_line.config_file; !path.empty()) {
    if (std::string problem = ReadFile(path, &text); !problem.empty()) {
      return {.loaded = std::nullopt, .problems = {{path, "", std::move(problem)}}};
    }
  }
  return MakeConfig(command_line, text);
}

std::string PrintConfig(const LoadedConfig& loaded) {
  std::string text;
  std::string pools;
  for (const KeyValue& value : Values(loaded.config)) {
    const auto source = loaded.sources.find(value.key);
    const std::string comment = source == loaded.sources.end() ? "default" : source->second;
    const bool pool = value.key.starts_with("pools.");
    // A name with dots would be a path of tables.
    const std::string key = pool ? TomlString(value.key.substr(6)) : value.key;
    std::string& part = pool ? pools : text;
    part += key + " = " + value.value;
    part += "  # " + comment + "\n";
  }
  return pools.empty() ? text : text + "\n[pools]\n" + pools;
}

}  // namespace covey
