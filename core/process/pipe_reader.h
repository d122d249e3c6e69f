#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "core/process/supervised.h"

namespace covey {

// Reads the pipes of processes for the loop, as far as their listeners have room. A pipe whose listener has
// none is held: it is not read, so that the process waits once it is full, until Resume or Release.
//
// Used by the thread of the loop alone.
class PipeReader {
 public:
  // `listen`: whether the loop is to report when this pipe can be read. `close`: takes it out of the loop.
  using Listen = std::function<void(const Supervised& process, OutputStream stream, bool on)>;
  using Close = std::function<void(UniqueFd* pipe)>;

  PipeReader(Listen listen, Close close);

  // At most one buffer of a pipe that can be read.
  void Read(Supervised& process, OutputStream stream);
  // What is in the pipes now and not more (their other ends may have been handed to a process outside the
  // tree), then closes them. False: the listener has no room; to be called again when the loop reports one.
  bool Drain(Supervised& process);

  // Its listener has room again.
  void Resume(Supervised& process);
  // From now on it is read whether its listener has room or not: a stop waits for no reader.
  void Release(Supervised& process);

  static bool AnyOpen(const Supervised& process);
  // Somebody may still write to one of its pipes.
  static bool AnyWriter(const Supervised& process);
  static bool AnyHeld(const Supervised& process);

 private:
  bool DrainOne(Supervised& process, OutputStream stream);
  // How much may be read at once; 0: it is held.
  size_t Room(Supervised& process, OutputStream stream);
  // What ::read answered; bytes go to the listener.
  ssize_t ReadUpTo(Supervised& process, OutputStream stream, size_t size);

  const Listen listen_;
  const Close close_;
  const std::unique_ptr<char[]> buffer_;
};

}  // namespace covey
