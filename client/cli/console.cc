#include "client/cli/console.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <thread>

#include "client/cli/text.h"

namespace covey::cli {
namespace {

constexpr std::string_view kClearLine = "\r\x1b[K";

std::string_view Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool KnowsEscapes() { return !Variable("TERM").empty() && Variable("TERM") != "dumb"; }

// As no-color.org and bixense.com/clicolors have it; nullopt: terminals get colours.
std::optional<bool> AskedForColors() {
  if (!Variable("NO_COLOR").empty()) return false;
  const std::string_view force = Variable("CLICOLOR_FORCE");
  if (!force.empty() && force != "0") return true;
  if (Variable("CLICOLOR") == "0" || !KnowsEscapes()) return false;
  return std::nullopt;
}

size_t Columns(int fd) {
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const char* columns = std::getenv("COLUMNS");
  const int number = columns == nullptr ? 0 : std::atoi(columns);
  return number > 0 ? static_cast<size_t>(number) : 80;
}

size_t Rows(int fd) {
  constexpr size_t kUsual = 24;
  winsize size{};
  return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : kUsual;
}

// 0, or the errno that stopped the write.
int WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {  // somebody made the shared terminal or pipe non-blocking
      pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
      poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

}  // namespace

Console::Console(int out_fd, int err_fd)
    : out_fd_(out_fd),
      err_fd_(err_fd),
      out_is_terminal_(isatty(out_fd) == 1),
      err_is_terminal_(isatty(err_fd) == 1),
      escapes_(KnowsEscapes()),
      out_has_colors_(AskedForColors().value_or(out_is_terminal_)),
      err_has_colors_(AskedForColors().value_or(err_is_terminal_)) {}

bool Console::Out(std::string_view bytes) {
  const MutexLock lock(mutex_);
  if (out_error_ != 0) return false;
  ClearStatusLocked();
  out_error_ = WriteAll(out_fd_, bytes);
  if (out_is_terminal_) Follow(bytes);
  return out_error_ == 0;
}

bool Console::Err(std::string_view bytes) {
  const MutexLock lock(mutex_);
  return WriteErrLocked(bytes);
}

void Console::Note(std::string_view text) {
  const MutexLock lock(mutex_);
  const bool in_line = err_is_terminal_ && !at_line_start_;
  WriteErrLocked((in_line ? "\n" : "") + ("covey: " + std::string(text)) + "\n");
}

void Console::SetStatus(std::string_view line) {
  if (!err_is_terminal_ || !escapes_) return;
  const MutexLock lock(mutex_);
  if (line.empty()) {
    ClearStatusLocked();
    return;
  }
  if (!at_line_start_) return;
  drawing_ = true;  // before it looks whether it may
  if (!leaving_) {
    // One column stays free: a full line would wrap.
    std::string bytes(kClearLine);
    bytes += Cut(line, std::max<size_t>(err_columns(), 2) - 1);
    WriteAll(err_fd_, bytes);
    status_shown_ = true;
  }
  drawing_ = false;
}

void Console::UrgentNote(std::string_view text) {
  std::string bytes;
  if (err_is_terminal_) bytes += !at_line_start_ ? "\n" : escapes_ ? kClearLine : "";
  bytes += "covey: " + std::string(text) + "\n";
  if (err_is_terminal_) Follow(bytes);
  WriteAll(err_fd_, bytes);
}

void Console::Leave() {
  constexpr int kTries = 20;
  constexpr std::chrono::milliseconds kPause{5};
  leaving_ = true;
  for (int i = 0; i < kTries && drawing_; ++i) std::this_thread::sleep_for(kPause);
  // A terminal without escapes shows what was typed to end the program, as ^C, where a line begins.
  if (err_is_terminal_) WriteAll(err_fd_, at_line_start_ && escapes_ ? kClearLine : "\n");
}

int Console::out_error() const {
  const MutexLock lock(mutex_);
  return out_error_;
}

size_t Console::out_columns() const { return out_is_terminal_ ? Columns(out_fd_) : 0; }

size_t Console::out_rows() const { return out_is_terminal_ ? Rows(out_fd_) : 0; }

size_t Console::err_columns() const { return err_is_terminal_ ? Columns(err_fd_) : 0; }

bool Console::WriteErrLocked(std::string_view bytes) {
  ClearStatusLocked();
  if (err_is_terminal_) Follow(bytes);
  return WriteAll(err_fd_, bytes) == 0;
}

void Console::Follow(std::string_view bytes) {
  if (!bytes.empty()) at_line_start_ = bytes.back() == '\n';
}

void Console::ClearStatusLocked() {
  if (!status_shown_) return;
  WriteAll(err_fd_, kClearLine);
  status_shown_ = false;
}

}  // namespace covey::cli
