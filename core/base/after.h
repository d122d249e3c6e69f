#pragma once

#include <chrono>

namespace covey {

// `now` + `duration`; what is longer than a few lifetimes ("for ever") is an instant that systems can still wait for.
inline std::chrono::steady_clock::time_point After(std::chrono::steady_clock::time_point now,
                                                   std::chrono::nanoseconds duration) {
  constexpr std::chrono::hours kLong{24 * 365 * 100};
  return now + (duration < kLong ? duration : std::chrono::nanoseconds(kLong));
}

}  // namespace covey
