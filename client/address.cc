#include "covey/client/address.h"

#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <optional>

namespace covey::client {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr std::string_view kSystem = "unix:/run/covey/coveyd.sock";
constexpr size_t kMaxSocketPath = sizeof(sockaddr_un::sun_path) - 1;

Error Bad(std::string_view address, std::string_view why) {
  return {.code = ErrorCode::kInvalidArgument,
          .reason = "BAD_ADDRESS",
          .message = "address must be unix:PATH or HOST:PORT, got \"" + std::string(address) +
                     "\": " + std::string(why),
          .fields = {}};
}

Result<std::string> ParseSocket(std::string_view whole, std::string_view path) {
  if (path.starts_with("//")) path.remove_prefix(2);  // unix:///path is gRPC's other spelling
  if (path.empty()) return Bad(whole, "the path is missing");
  // gRPC takes an address for a URI: they would be decoded, or cut the path short.
  if (path.find_first_of("%?#") != std::string_view::npos) {
    return Bad(whole, "the path of a socket has no %, ? or #");
  }
  if (path.size() > kMaxSocketPath) {
    return Bad(whole, "the path of a socket has at most " + std::to_string(kMaxSocketPath) +
                          " bytes, this one " + std::to_string(path.size()));
  }
  return std::string(kUnix) + std::string(path);
}

std::optional<int> ParsePort(std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port < 1 || port > 65535)
    return std::nullopt;
  return port;
}

}  // namespace

Result<std::string> ParseAddress(std::string_view address) {
  if (address.empty()) return Bad(address, "it is empty");
  if (address.starts_with(kUnix)) return ParseSocket(address, address.substr(kUnix.size()));
  if (address.starts_with('/')) return ParseSocket(address, address);

  std::string_view host = address;
  std::string_view port;
  if (address.starts_with('[')) {
    const size_t close = address.find(']');
    if (close == std::string_view::npos) return Bad(address, "the closing ] is missing");
    host = address.substr(0, close + 1);
    const std::string_view rest = address.substr(close + 1);
    if (!rest.empty() && rest[0] != ':') return Bad(address, "a port follows after ':'");
    if (!rest.empty()) port = rest.substr(1);
    if (!rest.empty() && port.empty()) return Bad(address, "the port is missing");
    if (host.size() <= 2) return Bad(address, "the host is missing");
  } else if (const size_t colon = address.find(':'); colon != std::string_view::npos) {
    if (address.find(':', colon + 1) != std::string_view::npos) {
      return Bad(address, "an IPv6 address is written [ADDRESS]:PORT");
    }
    host = address.substr(0, colon);
    port = address.substr(colon + 1);
    if (port.empty()) return Bad(address, "the port is missing");
  }
  if (host.empty()) return Bad(address, "the host is missing");
  if (host.find_first_of("/ \t\n") != std::string_view::npos) return Bad(address, "that is no host name");
  int number = kDefaultPort;
  if (!port.empty()) {
    const std::optional<int> parsed = ParsePort(port);
    if (!parsed) return Bad(address, "the port must be 1..65535");
    number = *parsed;
  }
  return std::string(host) + ":" + std::to_string(number);
}

Result<std::string> DefaultAddress() {
  const char* named = std::getenv("COVEY_ADDRESS");
  if (named != nullptr && *named != '\0') return ParseAddress(named);
  if (geteuid() == 0) return ParseAddress(kSystem);
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  const std::string own =
      runtime == nullptr || *runtime == '\0' ? "" : std::string(runtime) + "/covey/coveyd.sock";
  // The daemon of the machine, for those who are in its socket's group and have none of their own.
  if ((own.empty() || access(own.c_str(), F_OK) != 0) &&
      access(std::string(kSystem.substr(kUnix.size())).c_str(), W_OK) == 0) {
    return ParseAddress(kSystem);
  }
  if (own.empty()) {
    return Error{.code = ErrorCode::kFailedPrecondition,
                 .reason = "NO_ADDRESS",
                 .message =
                     "XDG_RUNTIME_DIR is not set, so there is no default socket: name the daemon with "
                     "COVEY_ADDRESS=unix:PATH or COVEY_ADDRESS=HOST:PORT",
                 .fields = {}};
  }
  return ParseAddress(std::string(kUnix) + own);
}

bool IsLocal(std::string_view parsed_address) { return parsed_address.starts_with(kUnix); }

}  // namespace covey::client
