#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "covey/result.h"

namespace covey {

// Why a process cannot be started as asked: a field of its spec, and what would be right.
struct StartProblem {
  ErrorCode code = ErrorCode::kInvalidArgument;
  std::string reason;       // for programs, as in Error
  std::string field;        // "user", "limits.memory"
  std::string description;  // "must be …, got …"
};

// Who a process runs as, in numbers, and what its environment says of that.
struct Account {
  uid_t user = 0;
  gid_t group = 0;
  std::vector<gid_t> groups;  // supplementary
  // From the entry of the user; empty without one.
  std::string name;
  std::string home;
  std::string shell;
};

// Looks up a user and a group as ProcessSpec has them, each a name or a number; one may be empty. Blocks as
// long as the system's name service does. Thread safe.
std::optional<StartProblem> FindAccount(const std::string& user, const std::string& group, Account* out);

}  // namespace covey
