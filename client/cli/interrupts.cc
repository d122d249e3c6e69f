#include "client/cli/interrupts.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <utility>

#include "client/cli/exit_code.h"
#include "core/base/check.h"

namespace covey::cli {

Interrupts::Interrupts() {
  sigemptyset(&signals_);
  for (const int number : {SIGINT, SIGTERM}) {
    struct sigaction action {};
    sigaction(number, nullptr, &action);
    if (action.sa_handler != SIG_IGN) sigaddset(&signals_, number);
  }
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  stop_fd_ = eventfd(0, EFD_CLOEXEC);
  COVEY_CHECK(stop_fd_ >= 0);
}

Interrupts::~Interrupts() {
  Stop();
  close(stop_fd_);
}

void Interrupts::Start(std::function<void(int)> on_first, std::function<void()> on_leave) {
  on_first_ = std::move(on_first);
  on_leave_ = std::move(on_leave);
  thread_ = std::thread([this] { Listen(); });
}

void Interrupts::Stop() {
  const uint64_t one = 1;
  (void)!write(stop_fd_, &one, sizeof(one));  // cannot fail: the counter is far from full
  if (thread_.joinable()) thread_.join();
}

void Interrupts::Listen() {
  const int fd = signalfd(-1, &signals_, SFD_CLOEXEC);
  COVEY_CHECK(fd >= 0);
  for (bool first = true;;) {
    std::array<pollfd, 2> fds{
        {{.fd = fd, .events = POLLIN, .revents = 0}, {.fd = stop_fd_, .events = POLLIN, .revents = 0}}};
    poll(fds.data(), fds.size(), -1);
    if (fds[1].revents != 0) break;
    signalfd_siginfo info{};
    if (fds[0].revents == 0 || read(fd, &info, sizeof(info)) != sizeof(info)) continue;
    const int number = static_cast<int>(info.ssi_signo);
    if (!first) {
      on_leave_();
      _exit(kExitSignalBase + number);
    }
    first = false;
    on_first_(number);
  }
  close(fd);
}

}  // namespace covey::cli
