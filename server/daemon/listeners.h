#pragma once

#include <memory>
#include <string>
#include <vector>

#include "covey/status.h"
#include "server/config/config.h"
#include "server/daemon/unix_socket.h"

namespace covey {

// Where a daemon listens: its unix sockets, with their locks and permissions, and its TCP addresses.
//
// Life: Claim; the server binds the addresses; Publish; Permit at each reload; Withdraw; the server closes.
//
// Thread safety: none.
class Listeners {
 public:
  // `listen` as the configuration has it.
  explicit Listeners(std::vector<std::string> listen) : listen_(std::move(listen)) {}

  // Makes sure that no other daemon serves the unix sockets, and keeps it so. Removes nothing.
  Status Claim();
  // What the server is to bind, in the order of the configuration. After Claim.
  std::vector<std::string> addresses() const;
  // A failure of the server's, with the addresses of the configuration.
  Status Named(const Status& failure) const;
  // After the bind: the unix sockets get their permissions, then their paths. `ports` as the server says.
  Status Publish(const std::vector<int>& ports, const Config& config);
  Status Permit(const Config& config);
  // Removes the unix sockets that are still ours from their paths.
  void Withdraw();

  // The addresses for clients, with the ports that were chosen. After Publish.
  const std::vector<std::string>& names() const { return listen_; }

 private:
  std::vector<std::string> listen_;
  std::vector<std::unique_ptr<UnixSocket>> sockets_;  // one for each address; null for TCP
};

}  // namespace covey
