#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/unique_fd.h"
#include "core/process/owner.h"
#include "core/process/process.h"

namespace covey {

// A file that says which roots run, for whoever comes after a sudden death of this program: a root is dead by
// then, and its pid is what names the session of the rest. It survives the program, not the machine, and need
// not: the processes do not either.
//
// What cannot be written (a full disk) is left out; it is then found by its token alone.
// Thread safety: every method may be called from any thread.
class RootRecord {
 public:
  // What an earlier run wrote.
  struct Past {
    Owner owner;
    uint64_t last_ticks = 0;          // it lived then
    std::map<pid_t, uint64_t> roots;  // that ran when it was last written, and since when at most
  };

  // Nothing: there is none, it cannot be read, or it is of another machine or of an earlier boot of this one.
  static std::optional<Past> Read(const std::string& path);

  // Begins a new record in place of what is there; without one (`path` is empty, or cannot be written) nothing
  // is kept.
  explicit RootRecord(const std::string& path);

  // `start_ticks`: it started then or later.
  void Add(ProcessId id, pid_t root, uint64_t start_ticks) COVEY_EXCLUDES(mutex_);
  void Remove(ProcessId id) COVEY_EXCLUDES(mutex_);
  // This program lives.
  void Beat() COVEY_EXCLUDES(mutex_);

 private:
  void WriteSlot(size_t slot, pid_t root, uint64_t start_ticks) COVEY_REQUIRES(mutex_);
  void BeatLocked() COVEY_REQUIRES(mutex_);

  Mutex mutex_;  // taken last
  UniqueFd file_ COVEY_GUARDED_BY(mutex_);
  std::unordered_map<ProcessId, size_t> slots_ COVEY_GUARDED_BY(mutex_);
  std::vector<size_t> free_ COVEY_GUARDED_BY(mutex_);
};

}  // namespace covey
