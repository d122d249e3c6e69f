#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace covey {

// The threads that write output to files, so that nobody else waits for a disk. Jobs begin in the order in which
// they come. Thread-safe.
//
// The destructor carries out what is left; on one of its own threads it does not wait for that one.
class OutputWriters {
 public:
  explicit OutputWriters(size_t threads);
  ~OutputWriters();
  OutputWriters(const OutputWriters&) = delete;
  OutputWriters& operator=(const OutputWriters&) = delete;

  void Run(std::function<void()> job);
  // Waits until nothing is left to do.
  void WaitIdle();

 private:
  struct State;
  static void Loop(State& state);

  const std::shared_ptr<State> state_;
  std::vector<std::thread> threads_;
};

}  // namespace covey
