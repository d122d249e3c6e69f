#include "client/cli/stoppable_input.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "client/cli/command_line.h"
#include "client/cli/text.h"

namespace covey::cli {

Result<std::unique_ptr<StoppableInput>> StoppableInput::Open(const std::string& path) {
  const int fd = path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const int stop_fd = fd < 0 ? -1 : eventfd(0, EFD_CLOEXEC);
  if (stop_fd < 0) return UsageError("cannot open " + Printable(path) + ": " + std::strerror(errno));
  return std::make_unique<StoppableInput>(fd, stop_fd, path == "-" ? "standard input" : Printable(path));
}

StoppableInput::StoppableInput(int fd, int stop_fd, std::string name)
    : fd_(fd), stop_fd_(stop_fd), name_(std::move(name)) {}

StoppableInput::~StoppableInput() {
  if (fd_ != STDIN_FILENO) close(fd_);
  close(stop_fd_);
}

StoppableInput::State StoppableInput::Await(bool wait) const {
  std::array<pollfd, 2> fds{
      {{.fd = fd_, .events = POLLIN, .revents = 0}, {.fd = stop_fd_, .events = POLLIN, .revents = 0}}};
  while (poll(fds.data(), fds.size(), wait ? -1 : 0) < 0 && errno == EINTR) {
  }
  if (fds[1].revents != 0) return State::kStopped;
  return fds[0].revents != 0 ? State::kReady : State::kNone;
}

Result<ssize_t> StoppableInput::Read(char* buffer, size_t size) const {
  ssize_t got = -1;
  do {
    got = read(fd_, buffer, size);
  } while (got < 0 && errno == EINTR);
  if (got >= 0 || errno == EAGAIN) return got;
  if (errno == EBADF) return UsageError(name_ + " is closed");
  return UsageError("cannot read " + name_ + ": " + std::strerror(errno));
}

void StoppableInput::Stop() const {
  const uint64_t one = 1;
  (void)!write(stop_fd_, &one, sizeof(one));  // cannot fail: the counter is far from full
}

}  // namespace covey::cli
