#pragma once

#include <functional>
#include <thread>

namespace covey::cli {

// Calls `on_gone` once, on a thread of its own, when nobody reads a descriptor any more: the other end of its
// pipe or socket was closed. A write would tell as well, but a command that follows may have nothing to write
// for hours. Files and terminals are not watched.
class ReaderWatch {
 public:
  ReaderWatch(int fd, std::function<void()> on_gone);
  ReaderWatch(const ReaderWatch&) = delete;
  ReaderWatch& operator=(const ReaderWatch&) = delete;
  // `on_gone` is not running when it returns.
  ~ReaderWatch();

 private:
  void Watch();

  const int fd_;
  const std::function<void()> on_gone_;
  int stop_fd_ = -1;  // -1: nothing is watched
  std::thread thread_;
};

// Ends the program at once with 141: what commands do that only print.
[[noreturn]] void EndWithoutReader();

}  // namespace covey::cli
