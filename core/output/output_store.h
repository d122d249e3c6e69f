#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "covey/output_stream.h"
#include "covey/result.h"

namespace covey {

// Whose output.
struct OutputKey {
  std::string group;
  uint32_t task = 0;     // index in the group
  uint32_t attempt = 1;  // 1, 2, …
  OutputStream stream = OutputStream::kStdout;
};

struct OutputPiece {
  uint64_t offset = 0;   // of bytes[0] in what was written
  uint64_t dropped = 0;  // bytes missing just before `offset`
  std::string bytes;
  bool end = false;  // finished, and nothing follows these bytes
};

// What tasks wrote, bounded per attempt and stream: the first and the last MiB (configurable) with a gap
// between. Data, not decisions: kept beside the journal, and the unsynced end may be lost in a crash.
class OutputStore {
 public:
  virtual ~OutputStore() = default;

  // Appends. Never blocks for longer than a file write; a full disk drops bytes (told as a gap), never fails.
  virtual void Write(const OutputKey& key, std::string_view bytes) = 0;
  // Nothing more comes for either stream of this attempt.
  virtual void Finish(const std::string& group, uint32_t task, uint32_t attempt) = 0;

  // Up to `limit` bytes from `offset` on, or from the first kept byte after it. Empty without `end`: nothing
  // there yet. An attempt that wrote nothing and is not known to run is at its end.
  virtual OutputPiece Read(const OutputKey& key, uint64_t offset, size_t limit) = 0;
  // Bytes written so far, kept or not.
  virtual uint64_t Size(const OutputKey& key) = 0;

  // Calls `changed(task, attempt, stream)` after each Write and Finish of this group until the subscription
  // is destroyed; from the writing thread, no lock held. Destroying waits for a call that is under way
  // elsewhere.
  virtual std::shared_ptr<void> Subscribe(
      const std::string& group,
      std::function<void(uint32_t task, uint32_t attempt, OutputStream)> changed) = 0;

  // Declares that this attempt runs, so that reads of it are not at their end before Finish.
  virtual void Begin(const std::string& group, uint32_t task, uint32_t attempt) = 0;

  // Forgets all output of a group.
  virtual void Purge(const std::string& group) = 0;
};

}  // namespace covey
