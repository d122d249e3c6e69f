#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "client/cli/stoppable_input.h"
#include "covey/result.h"

namespace covey::cli {

// Cuts what is read into records: lines, or what NUL bytes end. Of lines a carriage return before the line end and
// a byte order mark before the first are no part; records that NUL bytes end are taken as they are. Holds at
// most one record and what was read behind it. Used by one thread, but for Stop.
class RecordReader {
 public:
  enum class Ends { kLine, kNul };
  enum class State { kRecord, kNone, kEnd, kStopped };

  RecordReader(std::unique_ptr<StoppableInput> input, Ends ends) : input_(std::move(input)), ends_(ends) {}

  // Takes the next record, which is UTF-8 without NUL and stays until the next call; the last one needs no end.
  // kNone: there is none at hand, and not to `wait`. An error names the bad record and what is wrong with it.
  Result<State> Next(bool wait, std::string_view* record);
  // Number of the record taken last: 1, 2, …
  uint64_t number() const { return number_; }
  void Stop() const { input_->Stop(); }

  const std::string& name() const { return input_->name(); }
  // What is wrong with a record: "tasks.jsonl:17: …".
  Error At(uint64_t number, std::string_view what) const;

 private:
  std::optional<std::string_view> Take();
  Result<Void> Fill();
  Result<Void> Check(std::string_view* record) const;
  char end() const { return ends_ == Ends::kLine ? '\n' : '\0'; }
  std::string noun() const { return ends_ == Ends::kLine ? "line" : "entry"; }

  const std::unique_ptr<StoppableInput> input_;
  const Ends ends_;
  std::string buffer_;
  size_t begin_ = 0;    // of what was not taken yet
  size_t scanned_ = 0;  // no end before here
  bool at_end_ = false;
  uint64_t number_ = 0;
};

}  // namespace covey::cli
