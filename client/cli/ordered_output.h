#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "client/cli/spill_file.h"
#include "covey/result.h"
#include "covey/v1/types.pb.h"

namespace covey::cli {

// Passes on what the tasks of a group write in the order of the tasks: that of the first one which has not ended as it
// comes, that of the others when their turn has come. What waits is kept in memory up to a bound, then in a file. For
// one thread.
class OrderedOutput {
 public:
  // Where it goes: pieces of output, and that nothing follows of a task.
  struct Target {
    std::function<void(const v1::OutputChunk&)> print;
    std::function<void(const std::string& task)> end;
  };

  explicit OrderedOutput(Target target, size_t most_in_memory = size_t{16} << 20)
      : target_(std::move(target)), most_in_memory_(most_in_memory) {}

  // Events of the group, in their order. Errors are about the file.
  Result<Void> Count(const v1::Event& event);
  Result<Void> Write(const v1::OutputChunk& chunk);
  // Passes on what is left, in order: tasks that were never started have no end.
  Result<Void> Finish();

 private:
  using Piece = std::variant<v1::OutputChunk, SpillFile::Place>;

  Result<Void> Keep(const v1::OutputChunk& chunk, std::vector<Piece>* pieces);
  Result<Void> Pass(const std::vector<Piece>& pieces, bool ended);
  Result<Void> End(const std::string& task);
  // Goes on to the first task that has not ended.
  Result<Void> Advance();
  // Takes the place of a task out of `ended_`.
  bool TakeEnded(uint64_t place);
  void AddEnded(uint64_t place);

  const Target target_;
  const size_t most_in_memory_;

  uint64_t next_ = 0;                      // the place of the task whose turn it is
  uint64_t submitted_ = 0;                 // how many were seen
  std::map<std::string, uint64_t> named_;  // places of tasks with a name of their own that have not ended
  std::map<std::string, std::vector<Piece>> early_;  // came before the event that tells their place
  std::map<uint64_t, std::vector<Piece>> held_;      // of those behind next_ that wrote something
  std::map<uint64_t, uint64_t> ended_;  // behind next_: the first place of a run, and the one behind it
  size_t in_memory_ = 0;
  size_t in_file_ = 0;  // pieces
  SpillFile file_;
};

}  // namespace covey::cli
