#pragma once

#include <chrono>
#include <optional>

namespace covey::client {

// What one call may do.
struct CallOptions {
  // Longest time that the call may take; kDeadlineExceeded after it. For RunGroup it also bounds the group,
  // for every other call it leaves everything in the daemon as it is. Default: none.
  std::optional<std::chrono::nanoseconds> timeout;
  // When set: is told after which time the same call may succeed that was refused (RetryInfo), or nothing when the
  // daemon has not said so. Outlives the call.
  std::optional<std::chrono::nanoseconds>* retry_after = nullptr;
};

// For how long and how often what the daemon's absence cut off is tried again.
struct RetryPolicy {
  // Longest time without the daemon; 0 never tries again. A daemon that was never reached is not waited for.
  std::chrono::nanoseconds patience = std::chrono::seconds(10);
  // The pauses between attempts double from the first to the longest; each is drawn from its upper half, so
  // that many clients do not come back at once.
  std::chrono::nanoseconds first_pause = std::chrono::milliseconds(50);
  std::chrono::nanoseconds longest_pause = std::chrono::seconds(1);
};

// How to talk to the daemon.
struct ConnectOptions {
  // Longest time that one attempt to connect may take.
  std::chrono::milliseconds connect_timeout{5'000};
  // While a call is open and nothing arrives for this long, the daemon is pinged …
  std::chrono::milliseconds keepalive_time{20'000};
  // … and taken for dead when it does not answer within this.
  std::chrono::milliseconds keepalive_timeout{10'000};
  // How a restart of the daemon is bridged.
  RetryPolicy retry;
};

}  // namespace covey::client
