#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "core/base/mutex.h"
#include "core/output/fd_cache.h"
#include "core/output/output_log.h"
#include "core/output/output_store.h"
#include "core/output/output_writers.h"
#include "core/output/running_stream.h"
#include "core/output/subscriber.h"
#include "covey/result.h"

namespace covey {

// An output store in files: DIRECTORY/<group>/<task>.<attempt>.out and .err (see OutputLog). A stream without
// output has no file. Nothing is ever synced.
//
// In memory there are only the attempts that run and the subscriptions; what has finished, also in an earlier
// run of the daemon, is read from its files. An attempt that no Begin or Write of this run has declared is
// finished.
//
// Files are written by threads of the store. What waits for them is bounded (RunningStream); a disk that hangs
// holds up those who write output, by Room, and nobody else.
//
// Thread safety: every method from any thread; the store outlives its subscriptions. No write waits for a read
// of a file.
//
// Lock order: Shard::mutex, then bounds_mutex_ or RunningStream; OutputLog, then FdCache. Subscribers and what
// Room, Finish were given are called with none held.
class FileOutputStore final : public OutputStore {
 public:
  struct Options {
    std::string directory;  // made when it is not there (0700); its parent must be
    OutputLog::Bounds bounds;
    size_t max_open_files = 256;
  };

  static Result<std::unique_ptr<FileOutputStore>> Open(Options options);
  ~FileOutputStore() override;

  void Begin(const std::string& group, uint32_t task, uint32_t attempt, bool paced) override;
  size_t Room(const OutputKey& key, const std::function<void()>& has_room) override;
  void Write(const OutputKey& key, std::string_view bytes) override;
  void Finish(const std::string& group, uint32_t task, uint32_t attempt, Finished done) override;
  bool WaitsForReader(const OutputKey& key) override;
  void Taken(const OutputKey& key, uint64_t offset) override;
  OutputPiece Read(const OutputKey& key, uint64_t offset, size_t limit) override;
  uint64_t Size(const OutputKey& key) override;
  std::optional<uint64_t> SizeOfRunning(const OutputKey& key) override;
  std::shared_ptr<void> Subscribe(const std::string& group, std::optional<uint32_t> task,
                                  Subscriber::Callback changed) override;
  // The group is gone at once; its files are deleted on a thread of the store, or at the next Open.
  void Purge(const std::string& group) override;

  // For streams whose first byte is still to come.
  void SetBounds(OutputLog::Bounds bounds) COVEY_EXCLUDES(bounds_mutex_);

  // From now on no writer waits for a reader: the store's owner is stopping.
  void StopPacing();
  // Waits until all that was written so far is in the files.
  void Flush() { writers_.WaitIdle(); }
  // Descriptors that are kept open, for tests.
  size_t open_files() const { return shared_->fds.size(); }

 private:
  using StreamPtr = std::shared_ptr<RunningStream>;
  // Of an attempt that runs; streams are made with the first byte.
  struct Attempt {
    std::array<StreamPtr, 2> streams;
    bool paced = false;
    bool finishing = false;
  };
  struct Ending;
  using Subscribers = std::vector<std::shared_ptr<Subscriber>>;
  using Subscribed = std::optional<uint32_t>;  // a task, or all of the group
  struct Group {
    std::unordered_map<uint64_t, Attempt> attempts;
    std::unordered_map<Subscribed, std::shared_ptr<const Subscribers>>
        subscribers;  // replaced, never changed
    bool idle() const { return attempts.empty() && subscribers.empty(); }
  };
  // Who is told of a task: its own subscribers, and those of its group.
  using Audience = std::array<std::shared_ptr<const Subscribers>, 2>;
  struct Shard {
    Mutex mutex;
    std::unordered_map<std::string, Group> groups COVEY_GUARDED_BY(mutex);
  };
  class Subscription;

  explicit FileOutputStore(Options options);

  Shard& ShardOf(const std::string& group);
  std::string PathOf(const OutputKey& key) const;
  OutputLog::Bounds BoundsNow() const COVEY_EXCLUDES(bounds_mutex_);
  // The stream when its attempt runs and has written to it; else null, and `runs` says whether the attempt does.
  StreamPtr FindStream(const OutputKey& key, bool* runs);
  void Schedule(const OutputKey& key, StreamPtr stream);
  void WriteOut(const OutputKey& key, const StreamPtr& stream);
  static Audience AudienceOf(const Group& group, uint32_t task);
  static void Tell(const Audience& audience, uint32_t task, uint32_t attempt, OutputStream stream);
  void Notify(const OutputKey& key);
  // Both streams are in the files. The store may be gone when this returns.
  void End(const Ending& ending);
  void Unsubscribe(const std::string& group, Subscribed what, const std::shared_ptr<Subscriber>& subscriber);
  void DeleteTrash() COVEY_EXCLUDES(trash_mutex_);
  void DeleteDirectory(const std::string& path);

  // Constant after construction.
  const Options options_;

  // Have their own synchronisation.
  const std::shared_ptr<RunningStream::Shared> shared_;
  std::array<Shard, 16> shards_;
  std::atomic<bool> closing_ = false;

  mutable Mutex bounds_mutex_;  // a leaf
  OutputLog::Bounds bounds_ COVEY_GUARDED_BY(bounds_mutex_);

  Mutex trash_mutex_;  // a leaf
  CondVar trash_changed_;
  std::vector<std::string> trash_ COVEY_GUARDED_BY(trash_mutex_);
  uint64_t next_trash_ COVEY_GUARDED_BY(trash_mutex_) = 0;
  std::thread janitor_;  // deletes trash; started by Open

  OutputWriters writers_;  // goes first: its jobs use all of the above
};

}  // namespace covey
