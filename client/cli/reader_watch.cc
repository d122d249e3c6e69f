#include "client/cli/reader_watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "client/cli/exit_code.h"

namespace covey::cli {
namespace {

bool HasReader(int fd) {
  struct stat status {};
  return fstat(fd, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
}

}  // namespace

ReaderWatch::ReaderWatch(int fd, std::function<void()> on_gone) : fd_(fd), on_gone_(std::move(on_gone)) {
  if (!HasReader(fd)) return;
  stop_fd_ = eventfd(0, EFD_CLOEXEC);
  if (stop_fd_ >= 0) thread_ = std::thread([this] { Watch(); });
}

ReaderWatch::~ReaderWatch() {
  if (stop_fd_ < 0) return;
  const uint64_t one = 1;
  (void)!write(stop_fd_, &one, sizeof(one));  // cannot fail: the counter is far from full
  thread_.join();
  close(stop_fd_);
}

void ReaderWatch::Watch() {
  // Without events only errors and hang-ups are told.
  std::array<pollfd, 2> fds{
      {{.fd = fd_, .events = 0, .revents = 0}, {.fd = stop_fd_, .events = POLLIN, .revents = 0}}};
  while (poll(fds.data(), fds.size(), -1) < 0 && errno == EINTR) {
  }
  if (fds[0].revents != 0 && fds[1].revents == 0) on_gone_();
}

void EndWithoutReader() { _exit(kExitPipe); }

}  // namespace covey::cli
