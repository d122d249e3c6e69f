#include "server/daemon/listeners.h"

#include <algorithm>

namespace covey {
namespace {

constexpr std::string_view kUnix = "unix:";

}  // namespace

Status Listeners::Claim() {
  for (auto one = listen_.begin(); one != listen_.end(); ++one) {
    const std::string& address = *one;
    if (std::find(listen_.begin(), one, address) != one)
      return Status::Error(address + " is to listen on twice");
    sockets_.emplace_back();
    if (!address.starts_with(kUnix)) continue;
    sockets_.back() = std::make_unique<UnixSocket>(address.substr(kUnix.size()));
    if (Status status = sockets_.back()->Claim(); !status.ok()) return status;
    if (Status status = sockets_.back()->Stage(); !status.ok()) return status;
  }
  return Status::Ok();
}

std::vector<std::string> Listeners::addresses() const {
  std::vector<std::string> addresses = listen_;
  for (size_t i = 0; i < sockets_.size(); ++i) {
    if (sockets_[i] != nullptr) addresses[i] = std::string(kUnix) + sockets_[i]->staged_path();
  }
  return addresses;
}

Status Listeners::Named(const Status& failure) const {
  std::string text(failure.message());
  for (const auto& socket : sockets_) {
    const size_t at = socket == nullptr ? std::string::npos : text.find(socket->staged_path());
    if (at != std::string::npos) text.replace(at, socket->staged_path().size(), socket->path());
  }
  return Status::Error(std::move(text));
}

Status Listeners::Publish(const std::vector<int>& ports, const Config& config) {
  for (size_t i = 0; i < sockets_.size(); ++i) {
    std::string& address = listen_[i];
    if (sockets_[i] == nullptr) {
      address = address.substr(0, address.rfind(':') + 1) + std::to_string(ports[i]);
    } else if (Status status = sockets_[i]->Publish(config.socket_mode, config.socket_group); !status.ok()) {
      return status;
    }
  }
  return Status::Ok();
}

Status Listeners::Permit(const Config& config) {
  for (const auto& socket : sockets_) {
    if (socket == nullptr) continue;
    if (Status status = socket->Permit(config.socket_mode, config.socket_group); !status.ok()) return status;
  }
  return Status::Ok();
}

void Listeners::Withdraw() {
  for (const auto& socket : sockets_) {
    if (socket != nullptr) socket->Withdraw();
  }
}

}  // namespace covey
