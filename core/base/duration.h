#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "covey/result.h"

namespace covey {

// A duration as people type it: numbers with units, "10s", "1.5h", "250ms", "1h30m"; units ns, us, ms, s, m,
// h and d. kInvalidArgument says what is wrong with `text`.
Result<std::chrono::nanoseconds> ParseDuration(std::string_view text);

// A duration as people read it: "250ms", "1.25s", "3m04s", "2h05m", "3d04h".
std::string DurationText(std::chrono::nanoseconds duration);

// A bound as messages give it: "2 s", "0.25 s".
std::string SecondsText(std::chrono::nanoseconds duration);

}  // namespace covey
