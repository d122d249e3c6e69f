#pragma once

#include <chrono>
#include <string>

namespace covey {

// What a service manager that started the daemon wants to know, by the protocol of sd_notify(3): a datagram
// to $NOTIFY_SOCKET. Without one nothing is sent. A message that cannot be sent is lost: the daemon works
// without it.
//
// Thread safety: all of it.
class ServiceManager {
 public:
  // How long the daemon may be silent ($WATCHDOG_USEC, when it is for this process); 0: there is no watchdog.
  static std::chrono::microseconds WatchdogTimeout();

  // The start goes on, and may take that long from here.
  static void Starting(const std::string& status, std::chrono::microseconds patience);
  // `status` is one line for people.
  static void Ready(const std::string& status);
  // The configuration is being read again; Ready ends it.
  static void Reloading();
  // The daemon ends, which may take that long.
  static void Stopping(const std::string& status, std::chrono::microseconds patience);
  static void Alive();
};

}  // namespace covey
