#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/mutex.h"
#include "core/output/output_store.h"

namespace covey {

// Output in files: a directory a group, made with its first byte, and in it segments that are only appended
// to. Their names hold the offset of their first byte, so that a later run of the daemon knows what is there:
//
//   TASK.ATTEMPT.(out|err).OFFSET
//
// The head (offsets below head_bytes) is kept for good. Behind it segments of tail_bytes follow, of which the
// newest two are kept: so at least the last tail_bytes are there, and at most twice that.
//
// Thread safety: all of it. Lock order: mutex_ and a group's mutex are never held together; FileCache::mutex_
// is a leaf. Invariants:
// 1. Segments of a stream are in order of offsets, do not overlap, and end at or before `written`; what lies
// between
//    them was dropped.
// 2. An attempt is running from Begin to Finish; one that is not is at its end, also after a crash.
class FileOutputStore final : public OutputStore {
 public:
  struct Options {
    std::string directory;  // made when it is not there
    size_t head_bytes = size_t{1} << 20;
    size_t tail_bytes = size_t{1} << 20;
    size_t open_files = 256;    // at most, for writing
    size_t idle_groups = 1000;  // whose index stays in memory
  };

  static Result<std::unique_ptr<FileOutputStore>> Open(Options options);
  ~FileOutputStore() override;

  void Begin(const std::string& group, uint32_t task, uint32_t attempt) override;
  void Write(const OutputKey& key, std::string_view bytes) override;
  void Finish(const std::string& group, uint32_t task, uint32_t attempt) override;
  OutputPiece Read(const OutputKey& key, uint64_t offset, size_t limit) override;
  uint64_t Size(const OutputKey& key) override;
  std::shared_ptr<void> Subscribe(const std::string& group,
                                  std::function<void(uint32_t, uint32_t, OutputStream)> changed) override;
  void Purge(const std::string& group) override;

 private:
  class FileCache;
  struct Group;

  explicit FileOutputStore(Options options);

  // The group's index; read from its directory when it is not in memory.
  std::shared_ptr<Group> Find(const std::string& group) COVEY_EXCLUDES(mutex_);
  void Load(Group& group) const;
  void EvictLocked() COVEY_REQUIRES(mutex_);

  const Options options_;
  const std::unique_ptr<FileCache> files_;

  Mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<Group>> groups_ COVEY_GUARDED_BY(mutex_);
  std::list<std::string> by_use_ COVEY_GUARDED_BY(mutex_);  // ids, least recently used first
};

}  // namespace covey
