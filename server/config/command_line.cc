#include "server/config/command_line.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <utility>

#include "core/text/nearest.h"
#include "core/text/roff.h"

namespace covey {
namespace {

using Action = CommandLine::Action;

// Flags that are no settings.
struct Command {
  std::string_view flag;
  std::string_view placeholder;
  std::string_view help;
};
constexpr Command kCommands[] = {
    {"--config", "FILE", "read settings from a TOML file; flags win over it. SIGHUP reads it again"},
    {"--adopt", "",
     "make a data directory that was copied or restored one's own, and go on with what is in it"},
    {"--check-config", "", "say what is wrong with flags and file, and leave: 0 when nothing is"},
    {"--print-config", "", "print the configuration as a file, with where each value comes from, and leave"},
    {"--doctor[=json]", "",
     "say what is wrong with configuration, data directory and machine, and what to do, and leave: 0 when "
     "nothing "
     "is, else 1"},
    {"--repair", "DIR",
     "save what can be read of a damaged data directory, which stays as it is, into DIR, and leave"},
    {"--restore", "FILE", "make the data directory, which must not be there yet, of a backup, and leave"},
    {"--version", "", "print the version"},
    {"--man", "", "print the manual page coveyd(8)"},
    {"--help", "", "print this"},
};

std::string UnknownFlag(const std::string& name) {
  std::vector<std::string> flags;
  for (const Setting& setting : Settings()) {
    flags.push_back(FlagOf(setting));
    if (setting.kind == Setting::Kind::kSwitch) flags.push_back("--no-" + flags.back().substr(2));
  }
  for (const Command& command : kCommands) flags.emplace_back(command.flag);
  const std::string_view near = Nearest(name, {flags.begin(), flags.end()});
  return "unknown flag " + Shown(name) +
         (near.empty() ? "; --help lists all"
                       : "; the nearest is " + std::string(near) + ", and --help lists all");
}

// A flag's setting, and whether it was written as --no-….
std::pair<const Setting*, bool> FindFlag(const std::string& name) {
  for (const Setting& setting : Settings()) {
    const std::string flag = FlagOf(setting);
    if (flag == name) return {&setting, false};
    if (setting.kind == Setting::Kind::kSwitch && name == "--no-" + flag.substr(2)) return {&setting, true};
  }
  return {nullptr, false};
}

// Walks over the arguments once.
class Parser {
 public:
  explicit Parser(const std::vector<std::string>& arguments) : arguments_(arguments) {}

  ParsedCommandLine Parse() {
    while (next_ < arguments_.size()) {
      if (std::string problem = Take(); !problem.empty()) {
        return {.command_line = std::nullopt, .error = std::move(problem)};
      }
      const Action action = result_.action;
      if (action == Action::kHelp || action == Action::kManual || action == Action::kVersion) break;
    }
    return {.command_line = std::move(result_), .error = {}};
  }

 private:
  std::string Take() {
    std::string name = arguments_[next_++];
    if (name == "-h") name = "--help";
    if (!name.starts_with("-")) return "unexpected argument " + Shown(name) + ": coveyd takes flags alone";
    std::optional<std::string> value;
    if (const size_t equals = name.find('='); equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    }
    if (name == "--doctor") return TakeDoctor(value);
    if (name == "--config") return TakeConfig(std::move(value));
    if (name == "--restore" || name == "--repair") return TakeOperand(name, std::move(value));
    for (const Command& command : kCommands) {
      if (command.flag == name) return TakeAction(name, value);
    }
    const auto [setting, negated] = FindFlag(name);
    if (setting == nullptr) return UnknownFlag(name);
    if (setting->kind == Setting::Kind::kSwitch) {
      if (negated && value) return name + " takes no value, got " + Shown(*value);
      if (!value) value = negated ? "false" : "true";
    } else if (!value) {
      if (next_ == arguments_.size()) return name + " needs a value: " + std::string(setting->help);
      value = arguments_[next_++];
    }
    Config scratch;
    if (Problem problem = setting->set(*value, &scratch); !problem.empty()) {
      return name + " " + problem + ", got " + Shown(*value);
    }
    result_.flags.push_back({setting, *std::move(value)});
    return {};
  }

  std::string TakeConfig(std::optional<std::string> value) {
    if (!value) {
      if (next_ == arguments_.size()) return "--config needs a value: the path of a TOML file";
      value = arguments_[next_++];
    }
    const bool plain = std::none_of(value->begin(), value->end(),
                                    [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7F; });
    if (value->empty() || !plain) return "--config must be the path of a TOML file, got " + Shown(*value);
    // Absolute: the file is read again later, and told to people who are elsewhere.
    std::error_code error;
    result_.config_file = std::filesystem::absolute(*value, error).lexically_normal().string();
    return error ? "--config " + Shown(*value) + ": " + error.message() : std::string();
  }

  std::string TakeOperand(const std::string& name, std::optional<std::string> value) {
    const bool restores = name == "--restore";
    const std::string what =
        restores ? "the path of a backup" : "the path of a directory that is not there yet";
    if (!value) {
      if (next_ == arguments_.size()) return name + " needs a value: " + what;
      value = arguments_[next_++];
    }
    if (value->empty()) return name + " must be " + what + ", got " + Shown(*value);
    result_.action = restores ? Action::kRestore : Action::kRepair;
    result_.operand = *std::move(value);
    return {};
  }

  std::string TakeDoctor(const std::optional<std::string>& value) {
    if (value && *value != "json") return "--doctor takes json or nothing, got " + Shown(*value);
    result_.action = Action::kDoctor;
    result_.operand = value.value_or("");
    return {};
  }

  std::string TakeAction(const std::string& name, const std::optional<std::string>& value) {
    if (value) return name + " takes no value, got " + Shown(*value);
    if (name == "--adopt") {
      result_.adopt = true;
    } else if (name == "--help") {
      result_.action = Action::kHelp;
    } else if (name == "--man") {
      result_.action = Action::kManual;
    } else if (name == "--version") {
      result_.action = Action::kVersion;
    } else {
      result_.action = name == "--check-config" ? Action::kCheckConfig : Action::kPrintConfig;
    }
    return {};
  }

  const std::vector<std::string>& arguments_;
  size_t next_ = 0;
  CommandLine result_;
};

std::string HelpLine(std::string left, std::string_view help) {
  left = "  " + left;
  left.resize(std::max<size_t>(left.size() + 2, 28), ' ');
  return left + std::string(help) + "\n";
}

// "--listen ADDRESS", "--[no-]cgroups".
std::string Usage(const Setting& setting) {
  std::string usage = FlagOf(setting);
  if (setting.kind == Setting::Kind::kSwitch) usage = "--[no-]" + usage.substr(2);
  if (!setting.placeholder.empty()) usage += " " + std::string(setting.placeholder);
  return usage;
}

std::string Usage(const Command& command) {
  std::string usage(command.flag);
  if (!command.placeholder.empty()) usage += " " + std::string(command.placeholder);
  return usage;
}

std::string HelpOf(const Setting& setting) {
  const bool many = setting.kind == Setting::Kind::kList || setting.kind == Setting::Kind::kPools;
  std::string help(setting.help);
  if (many) help += "; may be repeated";
  if (const std::string value = setting.get(Config{}); !value.empty()) help += ". Default: " + value;
  return help;
}

constexpr std::string_view kAbout =
    "coveyd runs groups of tasks for clients: together started, together failed, together cancelled.\n";
constexpr std::string_view kFile =
    "In the file a key has the name of its flag, with underscores: drain_timeout = \"30s\"; pools are a "
    "table.\n";
constexpr std::string_view kPlaces =
    "Root listens on /run/covey/coveyd.sock and keeps data in /var/lib/covey; others listen on\n"
    "$XDG_RUNTIME_DIR/covey/coveyd.sock and keep data in $XDG_STATE_HOME/covey (else ~/.local/state/covey).\n"
    "Under systemd $RUNTIME_DIRECTORY and $STATE_DIRECTORY come first.\n";
constexpr std::string_view kSignals =
    "SIGTERM and SIGINT suspend what runs and exit; each further one cuts short what is waited for. SIGHUP\n"
    "reads the file again; SIGUSR1 and SIGUSR2 do nothing.\n";
constexpr std::string_view kExits =
    "0 when everything ended, 1 when something ignored its stop, 64 for bad flags, 65 for a backup or\n"
    "journal that is damaged, 78 for a bad file, 73 when\n"
    "an address, the data directory or the journal cannot be had.\n";

}  // namespace

ParsedCommandLine ParseCommandLine(const std::vector<std::string>& arguments) {
  return Parser(arguments).Parse();
}

std::string HelpText() {
  std::string text = std::string(kAbout) + "\nusage: coveyd [FLAG…]\n\n";
  for (const Setting& setting : Settings()) text += HelpLine(Usage(setting), HelpOf(setting));
  text += "\n";
  for (const Command& command : kCommands) text += HelpLine(Usage(command), command.help);
  return text + "\n" + std::string(kFile) + std::string(kPlaces) + std::string(kSignals) +
         "Exit codes: " + std::string(kExits);
}

std::string ManPage(std::string_view version) {
  const auto entry = [](const std::string& usage, std::string_view help) {
    return ".TP\n\\fB" + RoffText(usage) + "\\fR\n" + RoffText(help) + "\n";
  };
  std::string page = ".TH COVEYD 8 \"\" \"covey " + RoffText(version) + "\" \"System Administration\"\n";
  page += ".SH NAME\ncoveyd \\- run groups of tasks for clients\n";
  page += ".SH SYNOPSIS\n\\fBcoveyd\\fR [\\fB\\-\\-config\\fR \\fIFILE\\fR] [\\fIFLAG\\fR ...]\n";
  page += ".SH DESCRIPTION\n" + RoffText(kAbout) + RoffText(kPlaces) + ".PP\n" + RoffText(kSignals);
  page += ".SH SETTINGS\nAs flags, or in the configuration file. " + RoffText(kFile);
  for (const Setting& setting : Settings()) {
    page += entry(Usage(setting), HelpOf(setting) + (setting.live ? ". A reload changes it" : ""));
  }
  page += ".SH OTHER FLAGS\n";
  for (const Command& command : kCommands) page += entry(Usage(command), command.help);
  page += ".SH EXIT STATUS\n" + RoffText(kExits);
  return page + ".SH SEE ALSO\n.BR covey (1)\n";
}

}  // namespace covey
