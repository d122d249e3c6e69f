#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/mutex.h"
#include "core/output/fd_cache.h"
#include "core/output/output_log.h"

namespace covey {

// One stream of an attempt that runs: what it has written and no writer thread has put into its files yet, and
// how much more it may write.
//
// Invariants:
// 1. What is put into the files is the order in which it was written; one thread at a time does it.
// 2. While `scheduled_`, WriteOut is running or will be.
// 3. Whoever was told that there is no room is told when there is.
//
// Thread-safe. Nothing here but WriteOut waits for a disk.
class RunningStream {
 public:
  // What the streams of a store share; outlives each of them.
  struct Shared {
    explicit Shared(size_t open_files) : fds(open_files) {}
    FdCache fds;
    std::atomic<size_t> pending{0};     // bytes of all streams that are not in files yet
    std::atomic<bool> stopping{false};  // no writer waits for a reader any more
  };

  // Bytes that wait for a writer thread at most, of one stream and, less 4 KiB for each of them, of all.
  static constexpr size_t kBound = size_t{256} << 10;
  static constexpr size_t kBoundOfAll = size_t{64} << 20;
  // A paced stream is ahead of its reader by no more.
  static constexpr uint64_t kWindow = uint64_t{256} << 10;

  // `paced`: its writer waits for a reader, who says what he has taken.
  RunningStream(std::shared_ptr<Shared> shared, std::string path, OutputLog::Bounds bounds, bool paced);
  ~RunningStream();

  // Bytes that may be written now. With 0 `has_room` is called once there are some: by any thread, no lock held.
  size_t Room(const std::function<void()>& has_room) COVEY_EXCLUDES(mutex_);
  static size_t RoomAtFirst(const Shared& shared);
  // Takes the bytes whether there is room or not; what is far beyond it is lost. True: WriteOut is to be called.
  bool Push(std::string_view bytes) COVEY_EXCLUDES(mutex_);
  // Nothing is written any more. `closed` is called when all of it is in the files. True: WriteOut is to be called.
  bool Close(std::function<void()> closed) COVEY_EXCLUDES(mutex_);
  bool WaitsForReader() const COVEY_EXCLUDES(mutex_);
  // The reader has taken what comes before `offset`.
  void Taken(uint64_t offset) COVEY_EXCLUDES(mutex_);
  // What there is room for has changed for all streams.
  void LookAgain() COVEY_EXCLUDES(mutex_);
  // Its files are gone: whatever comes is dropped.
  void Abandon() COVEY_EXCLUDES(mutex_);

  // What is to be done after a WriteOut, in this order.
  struct Next {
    bool again = false;              // WriteOut is to be called
    std::function<void()> has_room;  // to be called, when there is one
    std::function<void()> closed;    // likewise
  };
  Next WriteOut() COVEY_EXCLUDES(mutex_);

  OutputPiece Read(uint64_t offset, size_t limit) { return log_.Read(offset, limit, false); }
  // Bytes that are in the files, or lost.
  uint64_t size() const { return size_; }
  // Bytes that are in the files.
  uint64_t kept() { return log_.kept(); }

 private:
  size_t RoomLocked() const COVEY_REQUIRES(mutex_);
  std::function<void()> TellLocked() COVEY_REQUIRES(mutex_);

  const std::shared_ptr<Shared> shared_;
  const bool paced_;
  OutputLog log_;  // has its own lock
  std::atomic<uint64_t> size_ = 0;

  mutable Mutex mutex_;  // a leaf
  std::string pending_ COVEY_GUARDED_BY(mutex_);
  std::vector<OutputTime> times_ COVEY_GUARDED_BY(mutex_);  // of pending_: offsets in it
  uint64_t lost_ COVEY_GUARDED_BY(mutex_) = 0;              // what came behind pending_
  uint64_t written_ COVEY_GUARDED_BY(mutex_) = 0;           // in all
  uint64_t taken_ COVEY_GUARDED_BY(mutex_) = 0;             // of those, by the reader
  size_t in_flight_ COVEY_GUARDED_BY(mutex_) = 0;           // bytes that WriteOut is at
  bool scheduled_ COVEY_GUARDED_BY(mutex_) = false;
  bool abandoned_ COVEY_GUARDED_BY(mutex_) = false;
  std::function<void()> has_room_ COVEY_GUARDED_BY(mutex_);
  std::function<void()> closed_ COVEY_GUARDED_BY(mutex_);
};

}  // namespace covey
