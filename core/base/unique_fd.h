#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace covey {

// Owns one file descriptor; -1 is none.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) Reset(std::exchange(other.fd_, -1));
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { Reset(); }

  void Reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }
  int get() const { return fd_; }
  // It is the caller's from now on.
  [[nodiscard]] int Release() { return std::exchange(fd_, -1); }
  explicit operator bool() const { return fd_ >= 0; }

  // Moves the descriptor out of 0, 1 and 2, which it can get when the program runs with one of these closed
  // and which a child's standard streams and the program's own log must never meet. False: errno says why.
  bool LeaveStdio() {
    if (fd_ < 0 || fd_ > STDERR_FILENO) return true;
    const int moved = ::fcntl(fd_, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (moved < 0) return false;
    Reset(moved);
    return true;
  }

 private:
  int fd_ = -1;
};

}  // namespace covey
