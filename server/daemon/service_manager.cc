#include "server/daemon/service_manager.h"

#include <systemd/sd-daemon.h>
#include <time.h>

#include <algorithm>
#include <cstdint>

namespace covey {
namespace {

constexpr int kKeepEnvironment = 0;

void Send(const std::string& message) { sd_notify(kKeepEnvironment, message.c_str()); }

std::string StatusLine(std::string status) {
  std::replace(status.begin(), status.end(), '\n', ' ');
  return "\nSTATUS=" + status;
}

}  // namespace

std::chrono::microseconds ServiceManager::WatchdogTimeout() {
  uint64_t timeout = 0;
  if (sd_watchdog_enabled(kKeepEnvironment, &timeout) <= 0) return std::chrono::microseconds(0);
  return std::chrono::microseconds(timeout);
}

void ServiceManager::Starting(const std::string& status, std::chrono::microseconds patience) {
  Send("EXTEND_TIMEOUT_USEC=" + std::to_string(patience.count()) + StatusLine(status));
}

void ServiceManager::Ready(const std::string& status) { Send("READY=1" + StatusLine(status)); }

void ServiceManager::Reloading() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const auto since_boot = std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
  Send("RELOADING=1\nMONOTONIC_USEC=" +
       std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(since_boot).count()));
}

void ServiceManager::Stopping(const std::string& status, std::chrono::microseconds patience) {
  Send("STOPPING=1\nEXTEND_TIMEOUT_USEC=" + std::to_string(patience.count()) + StatusLine(status));
}

void ServiceManager::Alive() { Send("WATCHDOG=1"); }

}  // namespace covey
