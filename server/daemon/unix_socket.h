#pragma once

#include <cstdint>
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
  // After the socket was made: its mode, and its group unless that is empty.
  Status Permit(uint32_t mode, const std::string& group);

 private:
  const std::string path_;
  int lock_ = -1;
};

}  // namespace covey
