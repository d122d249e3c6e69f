#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace covey {

// Room that is kept on the disk of a data directory, so that what frees a full disk can still be written: the
// file "reserve". Given up by Release, kept again by Keep once there is room.
//
// Thread safety: none.
class Reserve {
 public:
  static constexpr int64_t kBytes = int64_t{512} << 10;

  explicit Reserve(std::string path) : path_(std::move(path)) {}

  // False: there is no room, or it cannot be kept; what there is stays free.
  bool Keep();
  // False: none was kept.
  bool Release();

 private:
  const std::string path_;
  bool kept_ = false;
};

}  // namespace covey
