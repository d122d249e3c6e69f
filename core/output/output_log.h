#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/mutex.h"
#include "core/output/fd_cache.h"
#include "core/output/output_store.h"
#include "core/output/output_times.h"

namespace covey {

// One stream of one attempt on disk: a head file with its first bytes, then up to kSlots tail files, of which
// the oldest is deleted when the others hold enough.
//
//   PATH         bytes 0, 1, …; nothing else
//   PATH.1 … .6  a header (TailHeader: where its bytes begin in the stream), then bytes
//   PATH.times   when that was written (OutputTimes); none of what an older version wrote
//
// Invariants:
// 1. Segments are sorted and do not overlap; the newest is the only one that grows.
// 2. Between segments, and after the newest, is what was dropped: by the bound, or by a disk that was full.
// 3. The head file exists when a tail file does.
// 4. At least the last `tail` bytes that reached the disk are kept, at most a quarter more.
//
// Lifetime: while an attempt runs one OutputLog is shared by its writer and readers; afterwards each read
// loads one from the files. Thread-safe.
class OutputLog {
 public:
  struct Bounds {
    uint64_t head = uint64_t{1} << 20;
    uint64_t tail = uint64_t{1} << 20;
  };
  static constexpr int kSlots = 6;

  // The first call finds what is there. `fds` may be null for a log that is only read; otherwise it outlives
  // this.
  OutputLog(std::string path, Bounds bounds, FdCache* fds);
  ~OutputLog();

  // `times`: of these bytes, their offsets in `bytes`.
  void Append(std::string_view bytes, std::span<const OutputTime> times = {}) COVEY_EXCLUDES(mutex_);
  // What comes next was lost on its way.
  void Lose(uint64_t bytes) COVEY_EXCLUDES(mutex_);
  // Records on disk how much was written when the end of it was dropped.
  void Finish() COVEY_EXCLUDES(mutex_);
  // Whatever comes later is dropped.
  void Abandon() COVEY_EXCLUDES(mutex_);
  // As OutputStore::Read.
  OutputPiece Read(uint64_t offset, size_t limit, bool finished) COVEY_EXCLUDES(mutex_);
  uint64_t size() COVEY_EXCLUDES(mutex_);
  // Bytes that can be read.
  uint64_t kept() COVEY_EXCLUDES(mutex_);

 private:
  struct Segment {
    int slot = 0;  // 0: the head
    uint64_t start = 0;
    uint64_t length = 0;
    uint64_t end() const { return start + length; }
  };

  std::string PathOf(int slot) const;
  // Once.
  void LoadLocked() COVEY_REQUIRES(mutex_);
  // Bytes that the newest segment still takes; 0: another one is needed.
  uint64_t RoomLocked() const COVEY_REQUIRES(mutex_);
  // False: the disk, or the bound, does not let it.
  bool OpenNextLocked() COVEY_REQUIRES(mutex_);
  bool MakeSegmentLocked(int slot) COVEY_REQUIRES(mutex_);
  int FreeSlotLocked() COVEY_REQUIRES(mutex_);
  // How many of `bytes` reached the newest segment.
  size_t WriteLocked(std::string_view bytes) COVEY_REQUIRES(mutex_);

  const std::string path_;
  const Bounds bounds_;
  FdCache* const fds_;
  const uint64_t id_;  // in fds_: of the newest segment

  Mutex mutex_;  // before that of FdCache
  bool loaded_ COVEY_GUARDED_BY(mutex_) = false;
  std::vector<Segment> segments_ COVEY_GUARDED_BY(mutex_);
  uint64_t size_ COVEY_GUARDED_BY(mutex_) = 0;
  bool broken_ COVEY_GUARDED_BY(mutex_) = false;  // the newest segment grows no more
  bool abandoned_ COVEY_GUARDED_BY(mutex_) = false;
  OutputTimes times_ COVEY_GUARDED_BY(mutex_);
};

}  // namespace covey
