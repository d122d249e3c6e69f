#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "core/base/mutex.h"
#include "core/output/fd_cache.h"
#include "core/output/output_log.h"
#include "core/output/output_store.h"
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
// Thread safety: every method from any thread; the store outlives its subscriptions. Writes of different
// streams do not wait for each other's files, and no write waits for a read of a file.
//
// Lock order: Shard::mutex, then bounds_mutex_ or OutputLog, then FdCache. Subscribers are called with none
// held.
class FileOutputStore final : public OutputStore {
 public:
  struct Options {
    std::string directory;  // made when it is not there (0700); its parent must be
    OutputLog::Bounds bounds;
    size_t max_open_files = 256;
  };

  static Result<std::unique_ptr<FileOutputStore>> Open(Options options);
  ~FileOutputStore() override;

  void Write(const OutputKey& key, std::string_view bytes) override;
  void Finish(const std::string& group, uint32_t task, uint32_t attempt) override;
  OutputPiece Read(const OutputKey& key, uint64_t offset, size_t limit) override;
  uint64_t Size(const OutputKey& key) override;
  std::shared_ptr<void> Subscribe(const std::string& group, Subscriber::Callback changed) override;
  void Begin(const std::string& group, uint32_t task, uint32_t attempt) override;
  // The group is gone at once; its files are deleted on a thread of the store, or at the next Open.
  void Purge(const std::string& group) override;

  // For streams whose first byte is still to come.
  void SetBounds(OutputLog::Bounds bounds) COVEY_EXCLUDES(bounds_mutex_);

  // Descriptors that are kept open, for tests.
  size_t open_files() const { return fds_.size(); }

 private:
  // Of an attempt that runs; logs are made with the first byte.
  struct Attempt {
    std::array<std::shared_ptr<OutputLog>, 2> logs;
  };
  using Subscribers = std::vector<std::shared_ptr<Subscriber>>;
  struct Group {
    std::unordered_map<uint64_t, Attempt> attempts;
    std::shared_ptr<const Subscribers> subscribers;  // replaced, never changed
    bool idle() const { return attempts.empty() && subscribers == nullptr; }
  };
  struct Shard {
    Mutex mutex;
    std::unordered_map<std::string, Group> groups COVEY_GUARDED_BY(mutex);
  };
  class Subscription;

  explicit FileOutputStore(Options options);

  Shard& ShardOf(const std::string& group);
  std::string PathOf(const OutputKey& key) const;
  OutputLog::Bounds BoundsNow() const COVEY_EXCLUDES(bounds_mutex_);
  // The log of a stream that runs and has written; else one loaded from the files, and `finished` as it is.
  std::shared_ptr<OutputLog> FindLog(const OutputKey& key, bool* finished);
  void Unsubscribe(const std::string& group, const std::shared_ptr<Subscriber>& subscriber);
  void DeleteTrash() COVEY_EXCLUDES(trash_mutex_);
  void DeleteDirectory(const std::string& path);

  // Constant after construction.
  const Options options_;

  // Have their own synchronisation.
  FdCache fds_;
  std::array<Shard, 16> shards_;
  std::atomic<bool> closing_ = false;

  mutable Mutex bounds_mutex_;  // a leaf
  OutputLog::Bounds bounds_ COVEY_GUARDED_BY(bounds_mutex_);

  Mutex trash_mutex_;  // a leaf
  CondVar trash_changed_;
  std::vector<std::string> trash_ COVEY_GUARDED_BY(trash_mutex_);
  uint64_t next_trash_ COVEY_GUARDED_BY(trash_mutex_) = 0;
  std::thread janitor_;  // deletes trash; started by Open
};

}  // namespace covey
