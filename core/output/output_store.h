#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/spec/output_sizes.h"
#include "core/spec/wall_time.h"
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

// From `offset` on what was written came at `time`.
struct OutputTime {
  uint64_t offset = 0;
  WallTime time;
  bool operator==(const OutputTime&) const = default;
};

struct OutputPiece {
  uint64_t offset = 0;   // of bytes[0] in what was written
  uint64_t dropped = 0;  // bytes missing just before `offset`
  std::string bytes;
  bool end = false;  // finished, and nothing follows these bytes
  // When they were written, each up to the next. What comes before the first, or all: not known.
  std::vector<OutputTime> times{};
};

// What tasks wrote, bounded per attempt and stream: the first and the last MiB (configurable) with a gap
// between. Data, not decisions: kept beside the journal, and the unsynced end may be lost in a crash.
class OutputStore {
 public:
  virtual ~OutputStore() = default;

  // Declares that this attempt runs, so that reads of it are not at their end before Finish. `paced`: it writes
  // no faster than one reader takes it (Taken), and so loses nothing.
  virtual void Begin(const std::string& group, uint32_t task, uint32_t attempt, bool paced) = 0;
  // Bytes that Write may bring now. With 0 the writer waits until `has_room` is called: once, by any thread, no
  // lock held.
  virtual size_t Room(const OutputKey& key, const std::function<void()>& has_room) = 0;
  // Appends, at once or soon; never waits for a disk. What comes although there is no room may be lost, and so is
  // what a full disk refuses: a gap that is told. Never fails.
  virtual void Write(const OutputKey& key, std::string_view bytes) = 0;
  // Nothing more comes for either stream of this attempt. `done` is called when all of it can be read: by any
  // thread, no lock held, perhaps before this returns.
  using Finished = std::function<void(const OutputSizes& sizes)>;
  virtual void Finish(const std::string& group, uint32_t task, uint32_t attempt, Finished done) = 0;

  // The writer of this stream waits for its reader.
  virtual bool WaitsForReader(const OutputKey& key) = 0;
  // The one reader of a paced attempt has taken what comes before `offset`.
  virtual void Taken(const OutputKey& key, uint64_t offset) = 0;

  // Up to `limit` bytes from `offset` on, or from the first kept byte after it. Empty without `end`: nothing
  // there yet. An attempt that wrote nothing and is not known to run is at its end.
  virtual OutputPiece Read(const OutputKey& key, uint64_t offset, size_t limit) = 0;
  // Bytes written so far, kept or not. Of an attempt that is not known to run this asks the files, and may block.
  virtual uint64_t Size(const OutputKey& key) = 0;
  // The same of an attempt that is known to run, else nothing. Never blocks.
  virtual std::optional<uint64_t> SizeOfRunning(const OutputKey& key) = 0;

  // Calls `changed(task, attempt, stream)` when there is more to read of a stream of this task, or without one of
  // this group, and before the `done` of a Finish, until the subscription is destroyed; by any thread, no lock
  // held. Destroying waits for a call that is under way elsewhere. What other tasks write costs a subscription
  // to one task nothing.
  virtual std::shared_ptr<void> Subscribe(
      const std::string& group, std::optional<uint32_t> task,
      std::function<void(uint32_t task, uint32_t attempt, OutputStream)> changed) = 0;

  // Forgets all output of a group.
  virtual void Purge(const std::string& group) = 0;
};

}  // namespace covey
