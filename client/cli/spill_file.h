#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "covey/result.h"

namespace covey::cli {

// Bytes that are put aside on disk: in a file without a name in TMPDIR, or /tmp, that is made with the first of them and
// goes with the program. For one thread.
class SpillFile {
 public:
  // Where some bytes stand.
  struct Place {
    uint64_t offset;
    uint64_t size;
  };

  SpillFile() = default;
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;
  ~SpillFile();

  Result<Place> Put(std::string_view bytes);
  Result<std::string> Get(const Place& place) const;
  // Nothing of it is wanted any more.
  void Clear();

 private:
  Error Failed(std::string_view what) const;

  int fd_ = -1;
  std::string folder_;
  uint64_t size_ = 0;
};

}  // namespace covey::cli
