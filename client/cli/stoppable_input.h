#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string>

#include "covey/result.h"

namespace covey::cli {

// A file, a pipe or a terminal that one thread reads until any thread stops that.
class StoppableInput {
 public:
  enum class State { kReady, kNone, kStopped };

  // Opens a file, or for "-" takes standard input.
  static Result<std::unique_ptr<StoppableInput>> Open(const std::string& path);

  // Takes over both descriptors, except for standard input.
  StoppableInput(int fd, int stop_fd, std::string name);
  ~StoppableInput();
  StoppableInput(const StoppableInput&) = delete;
  StoppableInput& operator=(const StoppableInput&) = delete;

  // Waits until there is something to read, be it the end, or looks whether there is.
  State Await(bool wait) const;
  // How many bytes it got: 0 at the end, -1 when there are none after all.
  Result<ssize_t> Read(char* buffer, size_t size) const;
  // From now on it is kStopped, also for an Await that waits.
  void Stop() const;

  // "standard input", or the path, printable.
  const std::string& name() const { return name_; }

 private:
  const int fd_;
  const int stop_fd_;  // an eventfd: readable once stopped
  const std::string name_;
};

}  // namespace covey::cli
