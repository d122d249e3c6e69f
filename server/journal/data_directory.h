#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "covey/result.h"
#include "server/journal/data_lock.h"

namespace covey {

// The data directory of a daemon: locked, private, and known from a copy of itself.
//
// Its file "id" holds a random id, by which the processes of its tasks are told from all others, and the mark
// of the lock's file: inode and birth time. A file system keeps both when the directory is renamed, bound or
// mounted again, and gives others to a copy, however it was made; a clone of the whole file system has them
// too and is not noticed. What is a copy may run beside its original: nothing of it is started, killed or
// written until somebody has said that the original is gone.
//
// Thread safety: Refusal from any thread once Pin was called for the last time; the rest from one.
class DataDirectory {
 public:
  enum class OfCopy : uint8_t {
    kPark,   // a copy stays one: Refusal says so
    kAdopt,  // a copy gets an id of its own, and is none any more
  };

  // Makes the directory where it is missing, and takes its lock. kFailedPrecondition: it is in use, somebody
  // else's or open to others; kResourceExhausted: the disk is full.
  static Result<std::shared_ptr<DataDirectory>> Open(const std::string& path, OfCopy of_copy);

  const std::string& path() const { return path_; }
  const std::string& id() const { return id_; }
  // It was a copy when it was opened; `copied`: and still is.
  bool was_copied() const { return was_copied_; }
  bool copied() const { return copied_; }

  // From now on the file must stay where it is, and the same file. One that is not there is not pinned.
  void Pin(const std::string& file);
  // Why nothing may be written to the directory: it is a copy, or it was removed or replaced meanwhile, so that
  // whatever was acknowledged would be nowhere. Costs a look at each pinned file.
  std::optional<Error> Refusal() const;

 private:
  struct Pinned {
    std::string path;
    uint64_t device = 0;
    uint64_t inode = 0;
  };

  explicit DataDirectory(std::string path) : path_(std::move(path)) {}
  Result<Void> Identify(OfCopy of_copy);

  const std::string path_;
  DataLock lock_;
  std::string id_;
  bool was_copied_ = false;
  bool copied_ = false;
  std::vector<Pinned> pinned_;
};

// What makes a lock's file another one than its copy.
struct FileMark {
  uint64_t inode = 0;
  int64_t born = 0;  // nanoseconds since 1970; 0: the file system does not know

  // The same file, as far as both know.
  bool Matches(const FileMark& other) const {
    return inode == other.inode && (born == other.born || born == 0 || other.born == 0);
  }
  bool operator==(const FileMark&) const = default;
};

// What the file "id" says: an id, and a mark unless an earlier version wrote it.
struct DirectoryId {
  std::string id;
  std::optional<FileMark> mark;

  std::string Text() const;
  // nullopt: it says no id.
  static std::optional<DirectoryId> Parse(std::string_view text);
};

}  // namespace covey
