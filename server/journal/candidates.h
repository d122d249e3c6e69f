#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "server/journal/sqlite.h"

namespace covey {

// The groups that a listing looks at, newest first: several ordered statements merged.
class Candidates {
 public:
  using Key = std::pair<int64_t, int64_t>;  // created, gid

  Candidates() = default;
  ~Candidates();
  Candidates(const Candidates&) = delete;
  Candidates& operator=(const Candidates&) = delete;

  // A bound statement. False: it failed.
  bool Add(sqlite::Statement& statement);
  // The next one; nullopt: none are left. Check failed() then.
  std::optional<Key> Next();
  bool failed() const { return failed_; }

 private:
  struct Source {
    sqlite::Statement* statement;
    Key key;
  };

  bool Advance(size_t i);

  std::vector<Source> sources_;
  bool failed_ = false;
};

}  // namespace covey
