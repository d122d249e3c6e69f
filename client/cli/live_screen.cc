#include "client/cli/live_screen.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <string>

#include "core/base/check.h"

namespace covey::cli {
namespace {

constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l";
constexpr std::string_view kLeave = "\x1b[?25h\x1b[?1049l";
constexpr std::string_view kHome = "\x1b[H";
constexpr std::string_view kClearLine = "\x1b[K";
constexpr std::string_view kClearBelow = "\x1b[J";
constexpr char kCtrlC = 3;

}  // namespace

LiveScreen::LiveScreen(Console& console) : console_(console) {
  sigemptyset(&signals_);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGWINCH}) sigaddset(&signals_, number);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  signal_fd_ = signalfd(-1, &signals_, SFD_CLOEXEC);
  COVEY_CHECK(signal_fd_ >= 0);
}

LiveScreen::~LiveScreen() {
  if (drawn_) console_.Out(kLeave);
  if (keys_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  close(signal_fd_);
}

void LiveScreen::Draw(std::string_view text) {
  std::string bytes;
  if (!drawn_) {
    bytes += kEnter;
    drawn_ = true;
    if (tcgetattr(STDIN_FILENO, &before_) == 0) {
      termios raw = before_;
      raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
      keys_ = tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) == 0;
    }
  }
  bytes += kHome;
  // No line end behind the last line: a full screen would scroll.
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    bytes += text.substr(0, end);
    bytes += kClearLine;
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!text.empty()) bytes += "\r\n";
  }
  bytes += kClearBelow;
  console_.Out(bytes);
}

bool LiveScreen::ReadKeys(Event* event) {
  std::array<char, 64> keys{};
  const ssize_t got = read(STDIN_FILENO, keys.data(), keys.size());
  if (got <= 0) {  // the terminal is gone
    signal_ = SIGHUP;
    *event = Event::kSignal;
    return true;
  }
  for (ssize_t i = 0; i < got; ++i) {
    const char key = keys[static_cast<size_t>(i)];
    if (key == 'q' || key == 'Q') {
      *event = Event::kQuit;
      return true;
    }
    if (key == kCtrlC) {
      signal_ = SIGINT;
      *event = Event::kSignal;
      return true;
    }
  }
  return false;
}

LiveScreen::Event LiveScreen::Wait(std::chrono::milliseconds time, int news_fd) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point end = Clock::now() + time;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    if (left.count() <= 0) return Event::kTime;
    std::array<pollfd, 3> fds{{{.fd = signal_fd_, .events = POLLIN, .revents = 0},
                               {.fd = keys_ ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0},
                               {.fd = news_fd, .events = POLLIN, .revents = 0}}};
    if (poll(fds.data(), fds.size(), static_cast<int>(left.count())) <= 0) continue;
    if (fds[0].revents != 0) {
      signalfd_siginfo info{};
      if (read(signal_fd_, &info, sizeof(info)) != sizeof(info)) continue;
      if (info.ssi_signo == SIGWINCH) return Event::kResize;
      signal_ = static_cast<int>(info.ssi_signo);
      return Event::kSignal;
    }
    Event event{};
    if (fds[1].revents != 0 && ReadKeys(&event)) return event;
    if (fds[2].revents != 0) return Event::kNews;
  }
}

}  // namespace covey::cli
