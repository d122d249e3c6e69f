#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>

namespace covey {

// A file layer for SQLite that passes everything on to the usual one, counts, and fails on command. One per
// process, registered under kName while it lives.
class FaultVfs {
 public:
  static constexpr const char* kName = "covey-fault";

  FaultVfs();
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  // The next so many syncs, or writes to the log, fail as a broken disk does; a failed sync has written.
  std::atomic<int> fail_syncs = 0;
  std::atomic<int> fail_writes = 0;
  // After the next so many good reads, so many fail as a broken disk does.
  std::atomic<int> good_reads = 0;
  std::atomic<int> fail_reads = 0;
  // The next so many writes find the disk full.
  std::atomic<int> full_writes = 0;
  // The write with this number, from 1 on, is done by half, and the process is killed; 0: none is.
  std::atomic<int> kill_at_write = 0;
  // No shared memory, as on some network file systems: no write-ahead log.
  std::atomic<bool> no_shared_memory = false;
  // Syncs so far.
  std::atomic<int> syncs = 0;

  // Called before each sync, on the thread that syncs.
  void OnSync(std::function<void()> hook);
  void BeforeSync();

 private:
  std::mutex mutex_;
  std::function<void()> hook_;
};

}  // namespace covey
