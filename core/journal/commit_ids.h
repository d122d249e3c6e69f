#pragma once

#include <cstdint>

namespace covey {

// Numbers for the appends of one owner of a group, from a random one on: a later owner of the group, or the
// same after a restart, does not repeat them.
class CommitIds {
 public:
  CommitIds();

  uint64_t Next() { return ++last_; }

 private:
  uint64_t last_;
};

}  // namespace covey
