#include <csignal>

#include "server/convert/convert.h"

namespace covey {
namespace {

struct Named {
  std::string_view name;  // without "SIG"
  int number;
};

// The first name of a number is the one that is told.
constexpr Named kSignals[] = {
    {"HUP", SIGHUP},       {"INT", SIGINT},   {"QUIT", SIGQUIT}, {"ILL", SIGILL},   {"TRAP", SIGTRAP},
    {"ABRT", SIGABRT},     {"BUS", SIGBUS},   {"FPE", SIGFPE},   {"KILL", SIGKILL}, {"USR1", SIGUSR1},
    {"SEGV", SIGSEGV},     {"USR2", SIGUSR2}, {"PIPE", SIGPIPE}, {"ALRM", SIGALRM}, {"TERM", SIGTERM},
    {"STKFLT", SIGSTKFLT}, {"CHLD", SIGCHLD}, {"CONT", SIGCONT}, {"STOP", SIGSTOP}, {"TSTP", SIGTSTP},
    {"TTIN", SIGTTIN},     {"TTOU", SIGTTOU}, {"URG", SIGURG},   {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ},
    {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF}, {"IO", SIGIO},     {"PWR", SIGPWR},   {"WINCH", SIGWINCH},
    {"SYS", SIGSYS},       {"IOT", SIGIOT},   {"POLL", SIGPOLL}, {"CLD", SIGCHLD},
};
constexpr int kLastSignal = 64;

}  // namespace

std::optional<int> ParseSignal(std::string_view text) {
  if (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    int number = 0;
    for (const char c : text) {
      if (c < '0' || c > '9') return std::nullopt;
      number = number * 10 + (c - '0');
      if (number > kLastSignal) return std::nullopt;
    }
    return number >= 1 ? std::optional(number) : std::nullopt;
  }
  if (text.starts_with("SIG")) text.remove_prefix(3);
  for (const Named& signal : kSignals) {
    if (signal.name == text) return signal.number;
  }
  return std::nullopt;
}

std::string SignalName(int signal) {
  for (const Named& named : kSignals) {
    if (named.number == signal) return "SIG" + std::string(named.name);
  }
  return std::to_string(signal);
}

}  // namespace covey
