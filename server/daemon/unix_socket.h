#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/status.h"

namespace covey {

// Makes sure that one daemon at a time serves a unix socket: gRPC itself would take the path over from a
// daemon that lives. Holds a lock on PATH.lock from Claim to its destruction, and removes the socket then.
class UnixSocketClaim {
 public:
  explicit UnixSocketClaim(std::string path) : path_(std::move(path)) {}
  ~UnixSocketClaim();
  UnixSocketClaim(const UnixSocketClaim&) = delete;
  UnixSocketClaim& operator=(const UnixSocketClaim&) = delete;

  // Makes the directory (0755) when it is not there, takes the lock and removes a socket that a dead daemon
  // left.
  Status Claim();
  // After the socket was made, and whenever it is to change: its mode and its group, a name or a number;
  // empty: as it was made.
  Status Permit(uint32_t mode, const std::string& group);

 private:
  const std::string path_;
  int lock_ = -1;
  std::optional<gid_t> made_group_;  // of the socket, before the first Permit
};

}  // namespace covey
