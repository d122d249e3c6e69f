#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "covey/result.h"

namespace covey {

// A backup of a data directory: the journal and the output of its groups as a tar archive (POSIX ustar),
// whose last entry, COMPLETE, holds a checksum of all before it. An archive without it was cut off.
//
// A data directory that is made of one has no file "id", so that a daemon takes it for the copy that it is.

// Reads a data directory as such an archive, piece by piece, while it is in use. The journal is that of one
// instant between Open and the end; output is at least what had been written by then.
//
// Thread safety: none. Every call blocks.
class BackupStream {
 public:
  // While `hold` is held the journal's files change at their ends alone (Journal::HoldFiles).
  BackupStream(std::string directory, std::shared_ptr<void> hold);
  ~BackupStream();
  BackupStream(const BackupStream&) = delete;
  BackupStream& operator=(const BackupStream&) = delete;

  // The next bytes, about 256 KiB at most; empty: that was all.
  Result<std::string> Next();

 private:
  class Files;

  Result<Void> Add(const std::string& name);
  // The first so many bytes of piece_ go into the sum.
  void Sum(size_t size);
  void Seal();

  const std::shared_ptr<void> hold_;
  const std::unique_ptr<Files> files_;
  std::string piece_;  // not handed out yet
  uint64_t sum_ = 0;
  bool complete_ = false;
};

// Makes the data directory `directory`, which is not there or empty, of the archive in `file`. Either all of it
// is there and durable, or nothing: kDataLoss when the archive is cut off or damaged.
Result<Void> RestoreBackup(const std::string& file, const std::string& directory);

}  // namespace covey
