#include "client/cli/live_screen.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "core/base/check.h"

namespace covey::cli {
namespace {

constexpr std::string_view kShowOther = "\x1b[?1049h\x1b[?25l";
constexpr std::string_view kShowUsual = "\x1b[?25h\x1b[?1049l";
constexpr std::string_view kGoHome = "\x1b[H";
constexpr std::string_view kEraseLine = "\x1b[K";
constexpr std::string_view kClearBelow = "\x1b[J";
constexpr char kCtrlC = 3;
constexpr char kCtrlZ = 26;
constexpr size_t kMostTyped = 4096;  // what is pasted beyond is dropped

// What terminals send for keys that are no characters, behind the escape.
constexpr std::array<std::pair<std::string_view, int>, 18> kSequences = {{
    {"[A", LiveScreen::kUp},
    {"[B", LiveScreen::kDown},
    {"[C", LiveScreen::kRight},
    {"[D", LiveScreen::kLeft},
    {"OA", LiveScreen::kUp},
    {"OB", LiveScreen::kDown},
    {"OC", LiveScreen::kRight},
    {"OD", LiveScreen::kLeft},
    {"[5~", LiveScreen::kPageUp},
    {"[6~", LiveScreen::kPageDown},
    {"[H", LiveScreen::kHome},
    {"[F", LiveScreen::kEnd},
    {"OH", LiveScreen::kHome},
    {"OF", LiveScreen::kEnd},
    {"[1~", LiveScreen::kHome},
    {"[4~", LiveScreen::kEnd},
    {"[7~", LiveScreen::kHome},
    {"[8~", LiveScreen::kEnd},
}};

}  // namespace

LiveScreen::LiveScreen(Console& console) : console_(console) {
  sigemptyset(&signals_);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP}) sigaddset(&signals_, number);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  signal_fd_ = signalfd(-1, &signals_, SFD_CLOEXEC);
  COVEY_CHECK(signal_fd_ >= 0);
}

LiveScreen::~LiveScreen() {
  Leave();
  close(signal_fd_);
}

void LiveScreen::Enter() {
  drawn_ = true;
  console_.Out(kShowOther);
  if (tcgetattr(STDIN_FILENO, &before_) != 0) return;
  termios raw = before_;
  raw.c_iflag &= ~static_cast<tcflag_t>(ICRNL | IXON);
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG | IEXTEN);
  keys_ = tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) == 0;
}

void LiveScreen::Leave() {
  if (drawn_) console_.Out(kShowUsual);
  if (keys_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  drawn_ = keys_ = false;
}

void LiveScreen::Stop() {
  Leave();
  raise(SIGSTOP);
  typed_.clear();
  Enter();
}

void LiveScreen::Draw(std::string_view text) {
  if (!drawn_) Enter();
  std::string bytes(kGoHome);
  // No line end behind the last line: a full screen would scroll.
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    bytes += text.substr(0, end);
    bytes += kEraseLine;
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!text.empty()) bytes += "\r\n";
  }
  bytes += kClearBelow;
  console_.Out(bytes);
}

bool LiveScreen::ReadKeys(Event* event) {
  std::array<char, 256> keys{};
  const ssize_t got = read(STDIN_FILENO, keys.data(), keys.size());
  const std::string_view read_now(keys.data(), static_cast<size_t>(std::max<ssize_t>(got, 0)));
  const bool interrupted = read_now.find(kCtrlC) != std::string_view::npos;
  if (got <= 0 || interrupted) {  // got <= 0: the terminal is gone
    signal_ = interrupted ? SIGINT : SIGHUP;
    *event = Event::kSignal;
    return true;
  }
  if (read_now.find(kCtrlZ) != std::string_view::npos) {
    Stop();
    *event = Event::kResize;
    return true;
  }
  if (typed_.size() < kMostTyped) typed_ += read_now;
  return false;
}

int LiveScreen::TakeKey() {
  const std::string_view typed = typed_;
  size_t length = 1;
  int key = static_cast<unsigned char>(typed[0]);
  if (key == kEscape && typed.size() > 1 && (typed[1] == '[' || typed[1] == 'O')) {
    key = kOther;
    for (const auto& [sequence, meant] : kSequences) {
      if (!typed.substr(1).starts_with(sequence)) continue;
      key = meant;
      length += sequence.size();
    }
    if (key == kOther) {  // to its last byte
      length = 2;
      while (length < typed.size() && (typed[length] < '@' || typed[length] > '~')) ++length;
      length = std::min(length + 1, typed.size());
    }
  } else if (key == '\n') {
    key = kEnter;
  } else if (key == '\b') {
    key = kBackspace;
  }
  typed_.erase(0, length);
  return key;
}

bool LiveScreen::TakeSignal(Event* event) {
  signalfd_siginfo info{};
  if (read(signal_fd_, &info, sizeof(info)) != sizeof(info)) return false;
  if (info.ssi_signo == SIGTSTP) Stop();
  const bool ends = info.ssi_signo != SIGTSTP && info.ssi_signo != SIGWINCH;
  if (ends) signal_ = static_cast<int>(info.ssi_signo);
  *event = ends ? Event::kSignal : Event::kResize;
  return true;
}

LiveScreen::Event LiveScreen::Wait(std::chrono::milliseconds time, int news_fd, int other_fd) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point end = Clock::now() + time;
  while (true) {
    const auto left = typed_.empty() ? std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now())
                                     : std::chrono::milliseconds(0);
    std::array<pollfd, 4> fds{{{.fd = signal_fd_, .events = POLLIN, .revents = 0},
                               {.fd = keys_ ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0},
                               {.fd = news_fd, .events = POLLIN, .revents = 0},
                               {.fd = other_fd, .events = POLLIN, .revents = 0}}};
    const int ready = poll(fds.data(), fds.size(), static_cast<int>(std::max<int64_t>(left.count(), 0)));
    Event event{};
    if (ready > 0 && fds[0].revents != 0 && TakeSignal(&event)) return event;
    if (ready > 0 && fds[1].revents != 0 && ReadKeys(&event)) return event;
    if (!typed_.empty()) {
      key_ = TakeKey();
      return Event::kKey;
    }
    if (ready > 0 && (fds[2].revents != 0 || fds[3].revents != 0)) return Event::kNews;
    if (left.count() <= 0) return Event::kTime;
  }
}

}  // namespace covey::cli
